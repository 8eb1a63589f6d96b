//! What users ask of the engine itself: one file per verb.

mod check;
mod config;
mod hello;
mod info;
mod reset;
mod selftest;
mod version;
