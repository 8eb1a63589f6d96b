//! User namespaces with given maps, made before anything that lives in them.

use super::handshake;
use crate::fault::{Fault, Kind};
use crate::sys::process::{self, Clone, Side};
use anyhow::{Context, Result};
use oci_spec::runtime::LinuxIdMapping;
use std::fmt::Write as _;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};

/// A new user namespace with these maps; it lives as long as the descriptor, or a process in it.
pub fn with_maps(uids: &[LinuxIdMapping], gids: &[LinuxIdMapping]) -> Result<OwnedFd> {
    if uids.is_empty() || gids.is_empty() {
        return Err(Fault::invalid("a user namespace needs a map of user ids and one of group ids").into());
    }
    let (outside, inside) = handshake::pair(3)?;
    let request = Clone { flags: libc::CLONE_NEWUSER as u64, cgroup: None };
    let child = match process::clone(request).context("making a user namespace")? {
        Side::Parent(child) => child,
        Side::Child => {
            // It only has to exist until the parent has opened its namespace, or is gone.
            drop(outside);
            let _ = inside.wait();
            process::leave(0);
        }
    };
    drop(inside);
    let result = write_maps(child.pid, uids, gids);
    drop(outside);
    let _ = crate::sys::pidfd::wait(child.pidfd.as_fd());
    result
}

fn write_maps(pid: i32, uids: &[LinuxIdMapping], gids: &[LinuxIdMapping]) -> Result<OwnedFd> {
    let namespace = File::open(format!("/proc/{pid}/ns/user")).context("opening a user namespace")?;
    for (file, map) in [("uid_map", uids), ("gid_map", gids)] {
        let text = lines(map);
        std::fs::write(format!("/proc/{pid}/{file}"), &text).map_err(|error| {
            let why = super::words::because(error.raw_os_error().unwrap_or(libc::EIO)).to_lowercase();
            let text = text.trim().replace('\n', ", ");
            anyhow::Error::new(Fault::new(Kind::Denied, format!("mapping ids ({file}: {text}): {why}")))
        })?;
    }
    Ok(namespace.into())
}

/// The text of `/proc/PID/uid_map`.
fn lines(map: &[LinuxIdMapping]) -> String {
    let mut text = String::new();
    for line in map {
        let _ = writeln!(text, "{} {} {}", line.container_id(), line.host_id(), line.size());
    }
    text
}
