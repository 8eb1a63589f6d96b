//! engine: see the map in lib.rs.
