//! The attacks of the last years, each with what must not happen, and a control that fails where there can be one.
//!
//! `ATTACKS=all` (`make attacks`) runs them in full numbers, the suite in small ones. [`rows`] says which row of the
//! list of known attacks is which test.

mod bombs;
mod canary;
mod directories;
mod filter;
mod identity;
mod images;
mod layers;
mod probe;
mod processes;
mod races;
pub mod rows;
mod terminal;

/// Whether full numbers are wanted.
fn all() -> bool {
    std::env::var("ATTACKS").as_deref() == Ok("all")
}

/// How often: `some` in the suite, `full` in `make attacks`.
fn times(some: usize, full: usize) -> usize {
    if all() { full } else { some }
}
