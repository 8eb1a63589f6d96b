//! What a process in a container sees, has and may do.

mod apparmor;
mod cgroup_v2;
mod cgroups;
mod confinement;
mod files;
mod filter;
mod identity;
mod init;
mod keyrings;
mod roots;
mod systemd;
