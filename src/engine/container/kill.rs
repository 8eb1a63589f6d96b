//! `kill`: a signal to a container's first process.

use super::{exited, identity};
use crate::engine::Engine;
use crate::fault::Fault;
use crate::model::id::ContainerId;
use anyhow::Result;

/// Sends `signal` (a number). A container that does not run is a conflict.
pub fn kill(engine: &Engine, id: &ContainerId, signal: i32) -> Result<()> {
    let container = exited::settled(engine, id)?;
    let sent = match identity::process(engine, container.process.as_ref())? {
        Some(process) if exited::runs(&container) => {
            let sent = process.signal(signal)?;
            // A frozen process does not even see SIGKILL.
            if sent && signal == libc::SIGKILL {
                super::pause::thaw_if_frozen(&container)?;
            }
            sent
        }
        _ => false,
    };
    if sent {
        return Ok(());
    }
    Err(Fault::conflict(format!(
        "can only kill running containers. {id} is in state {}: container state improper",
        exited::settled(engine, id)?.phase.name()
    ))
    .into())
}

/// `KILL`, `SIGKILL`, `9`, `rtmin+3` → the number.
pub fn parse_signal(text: &str) -> Result<i32> {
    let bad = || Fault::invalid(format!("invalid signal: {text}"));
    if let Ok(number) = text.parse::<i32>() {
        return if (1..=libc::SIGRTMAX()).contains(&number) { Ok(number) } else { Err(bad().into()) };
    }
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    if let Some((_, number)) = SIGNALS.iter().find(|(known, _)| *known == name) {
        return Ok(*number);
    }
    // The kernel's numbers, as docker and podman count: libc keeps two real-time signals for itself.
    let offset = |rest: &str, sign: char| match rest {
        "" => Some(0),
        rest => rest.strip_prefix(sign).and_then(|number| number.parse::<i32>().ok()),
    };
    let number = if let Some(rest) = name.strip_prefix("RTMIN") {
        offset(rest, '+').map(|number| 34 + number)
    } else if let Some(rest) = name.strip_prefix("RTMAX") {
        offset(rest, '-').map(|number| 64 - number)
    } else {
        None
    };
    Ok(number.filter(|number| (34..=64).contains(number)).ok_or_else(bad)?)
}

/// The name of a signal: `SIGTERM`.
pub(super) fn signal_name(number: i32) -> String {
    match SIGNALS.iter().find(|(_, known)| *known == number) {
        Some((name, _)) => format!("SIG{name}"),
        None => number.to_string(),
    }
}

const SIGNALS: &[(&str, i32)] = &[
    ("HUP", libc::SIGHUP),
    ("INT", libc::SIGINT),
    ("QUIT", libc::SIGQUIT),
    ("ILL", libc::SIGILL),
    ("TRAP", libc::SIGTRAP),
    ("ABRT", libc::SIGABRT),
    ("IOT", libc::SIGABRT),
    ("BUS", libc::SIGBUS),
    ("FPE", libc::SIGFPE),
    ("KILL", libc::SIGKILL),
    ("USR1", libc::SIGUSR1),
    ("SEGV", libc::SIGSEGV),
    ("USR2", libc::SIGUSR2),
    ("PIPE", libc::SIGPIPE),
    ("ALRM", libc::SIGALRM),
    ("TERM", libc::SIGTERM),
    ("STKFLT", libc::SIGSTKFLT),
    ("CHLD", libc::SIGCHLD),
    ("CLD", libc::SIGCHLD),
    ("CONT", libc::SIGCONT),
    ("STOP", libc::SIGSTOP),
    ("TSTP", libc::SIGTSTP),
    ("TTIN", libc::SIGTTIN),
    ("TTOU", libc::SIGTTOU),
    ("URG", libc::SIGURG),
    ("XCPU", libc::SIGXCPU),
    ("XFSZ", libc::SIGXFSZ),
    ("VTALRM", libc::SIGVTALRM),
    ("PROF", libc::SIGPROF),
    ("WINCH", libc::SIGWINCH),
    ("IO", libc::SIGIO),
    ("POLL", libc::SIGIO),
    ("PWR", libc::SIGPWR),
    ("SYS", libc::SIGSYS),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_have_names_and_numbers() {
        for (text, number) in [
            ("KILL", 9),
            ("sigkill", 9),
            ("9", 9),
            ("SIGTERM", 15),
            ("hup", 1),
            ("RTMIN", 34),
            ("rtmin+3", 37),
            ("SIGRTMAX-1", 63),
            ("64", 64),
        ] {
            assert_eq!(parse_signal(text).unwrap(), number, "{text}");
        }
        for text in ["", "0", "-1", "65", "NONE", "RTMIN+31", "RTMAX+1", "RTMIN-1", "SIG"] {
            assert!(parse_signal(text).is_err(), "{text:?} was taken for a signal");
        }
        assert_eq!(signal_name(15), "SIGTERM");
    }
}
