//! The hidden roles of the one binary, and how argv picks one.

/// Runs what argv asks for; returns the exit code.
pub fn main() -> u8 {
    0
}
