//! What happens when something goes wrong at the worst moment. `FAULTS=all` looks at every moment, the suite at some.

mod kill;

/// Whether all moments are wanted (`make faults`), or a choice of them.
fn all() -> bool {
    std::env::var("FAULTS").as_deref() == Ok("all")
}
