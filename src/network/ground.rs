//! The namespace that bridges stand in: this process's own, or one that a user's containers share.

use crate::sys::namespace;
use crate::sys::netlink::Socket;
use anyhow::{Context, Result};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;

/// Sockets into the namespace, and what must be known of it.
#[derive(Debug)]
pub struct Ground {
    /// Links, addresses, routes.
    pub route: Socket,
    /// The firewall.
    pub rules: Socket,
    /// `None`: this process's own.
    namespace: Option<OwnedFd>,
    /// It has IPv6.
    pub ipv6: bool,
}

impl Ground {
    /// The namespace of this process.
    pub fn here() -> Result<Ground> {
        Ok(Ground { route: route()?, rules: rules()?, namespace: None, ipv6: has_ipv6() })
    }

    /// Another one, by a descriptor of it.
    pub fn within(fd: OwnedFd) -> Result<Ground> {
        let (route, rules, ipv6) = namespace::in_network(fd.as_fd(), || (route(), rules(), has_ipv6()))
            .context("joining the network namespace of the bridges")?;
        Ok(Ground { route: route?, rules: rules?, namespace: Some(fd), ipv6 })
    }

    /// Does something there that depends on where it is done: `/proc/sys/net` shows the namespace of who looks.
    pub fn inside<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T> {
        match &self.namespace {
            None => Ok(work()),
            Some(fd) => namespace::in_network(fd.as_fd(), work).context("joining the network namespace of the bridges"),
        }
    }

    /// The number that the kernel knows the namespace by.
    pub fn number(&self) -> Result<u64> {
        match &self.namespace {
            None => Ok(std::fs::metadata("/proc/self/ns/net").context("looking at our network namespace")?.ino()),
            Some(fd) => Ok(nix::sys::stat::fstat(fd).context("looking at a network namespace")?.st_ino),
        }
    }
}

fn route() -> Result<Socket> {
    Socket::route().context("opening a netlink socket")
}

fn rules() -> Result<Socket> {
    Socket::netfilter().context("opening a netfilter socket: has this kernel nf_tables?")
}

fn has_ipv6() -> bool {
    std::fs::read_to_string("/proc/sys/net/ipv6/conf/all/disable_ipv6").is_ok_and(|text| text.trim() == "0")
}
