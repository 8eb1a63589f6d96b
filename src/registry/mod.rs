//! registry: see the map in lib.rs.
