//! The names in a container's run directory that are the monitor's.

/// The exit record: [`super::ExitRecord`].
pub const EXIT: &str = "exit";
/// The exit record on its way.
pub const EXIT_TEMPORARY: &str = ".exit.new";
/// The socket that clients attach to.
pub const ATTACH: &str = "attach";
/// Standard output of a container without a terminal.
pub const STDOUT: &str = "stdout";
/// Standard error of a container without a terminal.
pub const STDERR: &str = "stderr";
/// Locked by the monitor as long as it lives; holds its process id.
pub const MONITOR: &str = "monitor";
/// What the monitor had to complain of.
pub const COMPLAINTS: &str = "monitor.log";
