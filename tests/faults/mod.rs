//! Killed at any moment, cut off from power, out of space: what then is left, and whether the next command just works.
//!
//! `FAULTS=all` (`make faults`) looks at every moment, the suite at some, with fixed seeds.

pub mod disk;
mod disk_full;
mod kill;
mod power_cut;

/// Whether all moments are wanted (`make faults`), or a choice of them.
fn all() -> bool {
    std::env::var("FAULTS").as_deref() == Ok("all")
}

/// A small generator of pseudo-random numbers (xorshift): the same seed, the same test.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}
