//! Named places where a test may kill or fail us. Nothing in release builds.
//!
//! `trip!("store.record.rename")` does nothing unless the build has debug assertions and the environment says
//! `BARGE_TRIP=store.record.rename:kill` (or `:fail`, or `:kill:3` for the third time the place is passed).

/// Every place that exists; the fault tests loop over all of them. `trip!` with another name does not compile in a
/// debug build's tests: `tests/faults` compares this list with the source.
pub const PLACES: &[&str] = &[
    "store.container.record",
    "store.container.remove",
    "store.container.rename",
    "store.container.trash",
    "store.layer.named",
    "store.layer.staged",
    "store.layer.synced",
    "store.moved.synced",
    "store.record.rename",
    "store.vfs.copied",
];

/// What a place does now: nothing, or die, or fail with `EIO`.
#[cfg(debug_assertions)]
pub fn pass(place: &str) -> std::io::Result<()> {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU32, Ordering};
    static WANTED: OnceLock<Option<(String, String, u32)>> = OnceLock::new();
    static PASSED: AtomicU32 = AtomicU32::new(0);
    let wanted = WANTED.get_or_init(|| {
        let text = std::env::var("BARGE_TRIP").ok()?;
        let mut parts = text.split(':');
        let place = parts.next()?.to_string();
        let action = parts.next().unwrap_or("kill").to_string();
        Some((place, action, parts.next().and_then(|n| n.parse().ok()).unwrap_or(1)))
    });
    let Some((name, action, number)) = wanted else { return Ok(()) };
    if name != place || PASSED.fetch_add(1, Ordering::SeqCst) + 1 != *number {
        return Ok(());
    }
    if action == "fail" {
        return Err(std::io::Error::from_raw_os_error(5));
    }
    let _ = nix::sys::signal::kill(nix::unistd::Pid::this(), nix::sys::signal::Signal::SIGKILL);
    Ok(())
}

/// A place where tests may kill or fail the program: see [`crate::trip`].
#[macro_export]
macro_rules! trip {
    ($place:literal) => {
        #[cfg(debug_assertions)]
        $crate::trip::pass($place)?;
    };
}
