//! Images as files: docker's and OCI's archives and directories. The parsing is pure; only `load` and `save` touch the
//! store and the disk.

pub mod compression;
pub mod docker_archive;
pub mod load;
pub mod oci_layout;
pub mod save;
pub mod source;
pub mod tarball;
