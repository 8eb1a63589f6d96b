//! Go's text/template, as far as `--format` needs it. Pure: a template and a JSON value give text.
//! (Written by `formats`; complete in a few minutes.)

use crate::fault::Fault;
use serde_json::Value;

/// A template that was understood.
#[derive(Debug, Clone)]
pub struct Template {}

impl Template {
    /// Reads a template; what is wrong with it comes in Go's words.
    pub fn parse(_text: &str) -> Result<Template, Fault> {
        Err(Fault::unsupported("--format: not built yet"))
    }

    /// Fills it in. Objects whose keys all begin with a capital letter are structs (an unknown field is an error), others
    /// are maps (an unknown key is `<no value>`).
    pub fn execute(&self, _data: &Value) -> Result<String, Fault> {
        Err(Fault::unsupported("--format: not built yet"))
    }
}
