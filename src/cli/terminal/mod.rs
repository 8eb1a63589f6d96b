//! What commands do with the terminal: relaying a container's streams, showing progress, asking.

pub mod attach;
pub mod detach;
pub mod progress;
pub mod prompt;
