//! What an ordinary user gets without any set-up.

mod namespace;
