//! What an ordinary user gets without any set-up.

mod layers;
mod namespace;
