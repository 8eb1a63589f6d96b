//! `--log-level`: one line per message on standard error, in logrus's form.

use super::globals::Flags;
use crate::fault::Fault;
use anyhow::Result;
use log::{Level, LevelFilter, Log, Metadata, Record};
use std::io::Write as _;

struct Logger;

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("barge") && metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let level = match record.level() {
            Level::Error => "error",
            Level::Warn => "warning",
            Level::Info => "info",
            Level::Debug => "debug",
            Level::Trace => "trace",
        };
        let time = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let message = format!("{}", record.args());
        let _ = writeln!(std::io::stderr(), "time=\"{time}\" level={level} msg={message:?}");
    }

    fn flush(&self) {}
}

/// Starts logging at the level that the flags ask for: `warn` unless said otherwise.
pub fn start(flags: &Flags) -> Result<()> {
    let level = match flags.log_level.as_deref().map(str::to_ascii_lowercase).as_deref() {
        None | Some("warn" | "warning") => LevelFilter::Warn,
        Some("trace") => LevelFilter::Trace,
        Some("debug") => LevelFilter::Debug,
        Some("info") => LevelFilter::Info,
        Some("error") => LevelFilter::Error,
        Some("fatal" | "panic") => LevelFilter::Off,
        Some(other) => {
            return Err(Fault::invalid(format!(
                "Log Level {other:?} is not supported, choose from: trace, debug, info, warn, warning, error, fatal, panic"
            ))
            .into());
        }
    };
    // A second logger in one process (tests) is refused by `log`; the first one goes on.
    let _ = log::set_logger(&Logger);
    log::set_max_level(level);
    Ok(())
}

/// Starts logging for the runtime: warnings, or everything.
pub fn start_for_runtime(debug: bool) {
    let _ = log::set_logger(&Logger);
    log::set_max_level(if debug { LevelFilter::Debug } else { LevelFilter::Warn });
}

/// Logs nothing at all.
pub fn silence() {
    log::set_max_level(LevelFilter::Off);
}
