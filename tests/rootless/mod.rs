//! What an ordinary user gets without any set-up.

mod ids;
mod layers;
mod namespace;
