//! `@init`: the container's first process with `--init`. Starts the command, hands signals on to it, buries orphans,
//! and ends as it ends.

use crate::sys::process;
use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, execvp, getpgrp, isatty, setpgid, tcsetpgrp};
use std::ffi::{CString, OsString};
use std::io::stdin;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;

/// The role: the words after `--` are the command. Returns its exit code, 128+n for a signal.
pub fn main(words: &[OsString]) -> u8 {
    let words: Vec<CString> = words.iter().skip(1).filter_map(|word| CString::new(word.as_bytes()).ok()).collect();
    let Some(command) = words.first() else { return 125 };
    let _ = nix::sys::prctl::set_name(c"init");
    if process::own_pid() != 1 {
        let _ = process::set_child_subreaper();
    }
    // Blocked, signals wait for us to take them one by one; none is lost between the clone and the loop.
    let all = SigSet::all();
    if all.thread_block().is_err() {
        return 125;
    }
    match process::fork() {
        Ok(None) => run(command, &words),
        Ok(Some(child)) => {
            // What the command was given beyond the standard streams is not ours to hold open.
            let _ = crate::sys::fd::close_from(3);
            serve(Pid::from_raw(child), &all)
        }
        Err(_) => 125,
    }
}

/// In the new process: a process group of its own, in front on the terminal, then the command.
fn run(command: &CString, words: &[CString]) -> ! {
    let _ = setpgid(Pid::from_raw(0), Pid::from_raw(0));
    if isatty(stdin().as_fd()).unwrap_or(false) {
        let _ = tcsetpgrp(stdin().as_fd(), getpgrp());
    }
    process::reset_signals();
    let errno = execvp(command, words).unwrap_err();
    let code = if matches!(errno, Errno::ENOENT | Errno::ENOTDIR) { 127 } else { 126 };
    let text = format!("init: {}: {}\n", command.to_string_lossy(), errno.desc());
    let _ = nix::unistd::write(std::io::stderr(), text.as_bytes());
    process::leave(code)
}

/// Hands signals on, buries the dead; ends with the command.
fn serve(command: Pid, all: &SigSet) -> u8 {
    loop {
        match all.wait() {
            Ok(Signal::SIGCHLD) => {}
            Ok(signal) => {
                let _ = kill(command, signal);
                continue;
            }
            // A real-time signal, which has no name here.
            Err(_) => {}
        }
        let mut end = None;
        loop {
            match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(pid, code)) if pid == command => end = Some(code as u8),
                Ok(WaitStatus::Signaled(pid, signal, _)) if pid == command => end = Some(128 + signal as i32 as u8),
                Ok(WaitStatus::StillAlive) | Err(_) => break,
                Ok(_) => {}
            }
        }
        if let Some(code) = end {
            return code;
        }
    }
}
