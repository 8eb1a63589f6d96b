//! What users do with images.

pub mod access;
pub mod find;
pub mod login;
pub mod pull;
pub mod push;
