//! Groups of flags that several commands share.

pub mod selection;
