//! image: see the map in lib.rs.
