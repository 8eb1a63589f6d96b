//! The attacks of the last years, each with what must not happen, and a control that fails where there can be one.

mod directories;
mod processes;
