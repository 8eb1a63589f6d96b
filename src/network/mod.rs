//! Networks: bridges, addresses, names, ports and the firewall, with nothing else installed.
//!
//! All of it happens in one namespace, the [`Ground`]: this process's own, or one that a user's containers share. What
//! should be there follows from the store (networks) and from the records of running containers; [`rules`] compares
//! that with what the kernel has, and puts it right. A container's own namespace is made by [`inside`] before its
//! process, and dies with it: nobody ever removes a link or an address of a container.

pub mod bridge;
pub mod ground;
pub mod inside;
pub mod ipam;
pub mod link;
pub mod names;
pub mod nft;
pub mod ports;
pub mod rules;

pub use ground::Ground;
