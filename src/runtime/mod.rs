//! runtime: see the map in lib.rs.
