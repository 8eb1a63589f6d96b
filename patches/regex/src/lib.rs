//! regex-lite under regex's name: oci-spec asks for `regex`, to look at one field of a process. The large one, with its
//! tables and engines, would be half a megabyte of the program.
pub use regex_lite::*;
