//! Named places where a test may kill or fail us. Nothing in release builds.
//!
//! `trip!("store.record.rename")` does nothing unless the build has debug assertions and the environment says
//! `BARGE_TRIP=store.record.rename:kill` (or `:fail`, or `:kill:3` for the third time the place is passed).
//!
//! [`GUARDS`] are what keeps attacks out. `BARGE_TRIP=runtime.undumpable:off` takes one out (or several, with commas
//! between them), so that the test of the attack can show that it would see it succeed. This reaches the roles that
//! the command starts.

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

/// Every guard that tests can take out of a debug build.
pub const GUARDS: &[&str] = &[
    "runtime.close_range",
    "runtime.undumpable",
    "spawn.sealed",
    "store.layer.clean",
    "store.layer.room",
    "sys.path.resolve",
];

/// The variable that names a place or a guard.
#[cfg(debug_assertions)]
const VARIABLE: &str = "BARGE_TRIP";

#[cfg(debug_assertions)]
fn wanted() -> Option<&'static (String, String, u32)> {
    static WANTED: std::sync::OnceLock<Option<(String, String, u32)>> = std::sync::OnceLock::new();
    let read = || {
        let text = std::env::var(VARIABLE).ok()?;
        let mut parts = text.split(':');
        let place = parts.next()?.to_string();
        let action = parts.next().unwrap_or("kill").to_string();
        Some((place, action, parts.next().and_then(|n| n.parse().ok()).unwrap_or(1)))
    };
    WANTED.get_or_init(read).as_ref()
}

/// Whether a guard is in its place: always, but in a debug build whose environment takes it out.
pub fn guard(name: &str) -> bool {
    debug_assert!(GUARDS.contains(&name));
    #[cfg(debug_assertions)]
    return !wanted().is_some_and(|(wanted, action, _)| action == "off" && wanted.split(',').any(|one| one == name));
    #[cfg(not(debug_assertions))]
    true
}

/// What a role must have in its environment so that a guard is out there, too.
#[cfg(debug_assertions)]
pub fn handed_on() -> Option<std::ffi::CString> {
    let (name, ..) = wanted().filter(|(_, action, _)| action == "off")?;
    std::ffi::CString::new(format!("{VARIABLE}={name}:off")).ok()
}

/// What a place does now: nothing, or die, or fail with `EIO`.
#[cfg(debug_assertions)]
pub fn pass(place: &str) -> std::io::Result<()> {
    use std::sync::atomic::{AtomicU32, Ordering};
    static PASSED: AtomicU32 = AtomicU32::new(0);
    let Some((name, action, number)) = wanted() else { return Ok(()) };
    if name != place || action == "off" || PASSED.fetch_add(1, Ordering::SeqCst) + 1 != *number {
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
