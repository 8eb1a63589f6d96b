//! The engine as a whole: what it is, what it stands on, and how to get rid of it.

pub mod check;
pub mod info;
pub mod reset;
pub mod selftest;
pub mod version;

pub use check::check;
pub use info::{Info, info};
pub use reset::reset;
pub use selftest::selftest;
pub use version::{Version, version};
