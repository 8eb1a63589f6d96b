//! User namespaces with given maps, made before anything that lives in them.

use super::handshake;
use crate::fault::{Fault, Kind};
use crate::sys::idmap::{Line, parse_map};
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
        let ours = std::fs::read_to_string(format!("/proc/self/{file}")).context("reading our own id map")?;
        let text = lines(map, &parse_map(&ours));
        std::fs::write(format!("/proc/{pid}/{file}"), &text).map_err(|error| {
            let why = super::words::because(error.raw_os_error().unwrap_or(libc::EIO)).to_lowercase();
            let text = text.trim().replace('\n', ", ");
            anyhow::Error::new(Fault::new(Kind::Denied, format!("mapping ids ({file}: {text}): {why}")))
        })?;
    }
    Ok(namespace.into())
}

/// The text of `/proc/PID/uid_map`. The kernel takes no line that spans two of the lines of the namespace that it is
/// made in (`ours`), though it lies within them: such a line is cut.
fn lines(map: &[LinuxIdMapping], ours: &[Line]) -> String {
    let mut text = String::new();
    for line in map {
        let (mut inside, mut outside, mut left) = (line.container_id(), line.host_id(), line.size());
        while left > 0 {
            let within = ours.iter().find(|own| outside >= own.inside && outside - own.inside < own.count);
            // One that is not ours goes to the kernel as it is: it has the words for that.
            let count = within.map_or(left, |own| left.min(own.count - (outside - own.inside)));
            let _ = writeln!(text, "{inside} {outside} {count}");
            (inside, outside, left) = (inside.wrapping_add(count), outside.wrapping_add(count), left - count);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use oci_spec::runtime::LinuxIdMappingBuilder;

    #[test]
    fn lines_are_cut_where_our_own_end() {
        let ours = [Line { inside: 0, outside: 1000, count: 1 }, Line { inside: 1, outside: 100_000, count: 65536 }];
        for (inside, outside, count, text) in [
            (0u32, 0u32, 1000u32, "0 0 1\n1 1 999\n"),
            (5, 1, 10, "5 1 10\n"),
            (0, 65530, 10, "0 65530 7\n7 65537 3\n"),
            (0, 70000, 5, "0 70000 5\n"),
        ] {
            let line = LinuxIdMappingBuilder::default().container_id(inside).host_id(outside).size(count);
            assert_eq!(lines(&[line.build().unwrap()], &ours), text);
        }
    }
}
