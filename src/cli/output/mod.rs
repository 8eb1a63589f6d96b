//! What commands print: lines, tables, templates, JSON. Nothing else writes to standard output.

pub mod listing;
mod table;
pub mod template;
mod yaml;

pub use table::{Table, align, widths};
pub use yaml::yaml;

use crate::config::Program;
use crate::engine::Engine;
use crate::engine::container::Selection;
use crate::fault::Fault;
use crate::model::id::ContainerId;
use anyhow::{Error, Result};
use serde::Serialize as _;
use serde_json::Value;
use std::fmt;
use std::io::Write as _;

/// Standard output is gone: whoever read it has seen enough.
#[derive(Debug)]
pub struct Closed;

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("standard output is closed")
    }
}

impl std::error::Error for Closed {}

/// Writes `text` as it is.
pub fn text(text: impl AsRef<[u8]>) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(text.as_ref()).and_then(|()| stdout.flush()).map_err(|error| match error.kind() {
        std::io::ErrorKind::BrokenPipe => Error::new(Closed),
        _ => Error::new(error).context("standard output"),
    })
}

/// Writes `text` and a newline.
pub fn line(text: impl fmt::Display) -> Result<()> {
    self::text(format!("{text}\n"))
}

/// Writes one line to standard error.
pub fn note(text: impl fmt::Display) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Tries every name, prints the ones that worked as they were typed, and fails if any did not. Like podman, all
/// failures but the last are printed here; the last is the result.
pub fn each<N: AsRef<str>>(program: Program, names: &[N], mut act: impl FnMut(&str) -> Result<()>) -> Result<()> {
    let mut last: Option<Error> = None;
    for name in names {
        match act(name.as_ref()) {
            Ok(()) => line(printable(name.as_ref()))?,
            Err(error) => {
                if let Some(previous) = last.replace(error) {
                    note(super::error::line(program, &previous));
                }
            }
        }
    }
    last.map_or(Ok(()), Err)
}

/// `text` without control characters, so that a hostile name can't drive the terminal.
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// The same for messages: newlines become spaces.
pub fn one_line(text: &str) -> String {
    text.trim_end()
        .chars()
        .map(|c| if c == '\n' || c == '\t' { ' ' } else { c })
        .collect::<String>()
        .replace(|c: char| c.is_control(), "\u{fffd}")
}

/// The same over containers that flags selected.
pub fn each_selected(
    engine: &Engine,
    selection: &Selection,
    mut act: impl FnMut(&ContainerId) -> Result<()>,
) -> Result<()> {
    let mut last: Option<Error> = None;
    for (name, found) in crate::engine::container::select(engine, selection)? {
        match found.and_then(|id| act(&id)) {
            Ok(()) => line(printable(&name))?,
            Err(error) => {
                if let Some(previous) = last.replace(error) {
                    note(super::error::line(engine.config.program, &previous));
                }
            }
        }
    }
    last.map_or(Ok(()), Err)
}

/// JSON for people: four blanks a level, as docker and podman indent lists.
pub fn pretty(value: &Value) -> String {
    let mut bytes = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, formatter);
    // A value has only string keys, and a vector takes everything.
    let _ = value.serialize(&mut serializer);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What every `inspect` prints: all documents as one array, or each through the template of `--format`; `json` is one
/// compact line each.
pub fn documents(found: &[Value], format: Option<&str>) -> Result<()> {
    documents_of("inspect", found, format)
}

/// The same for another command: errors of templates name it.
pub fn documents_of(command: &str, found: &[Value], format: Option<&str>) -> Result<()> {
    match format.map(str::trim) {
        None | Some("") => line(pretty(&Value::Array(found.to_vec()))),
        Some("json") => line(Value::Array(found.to_vec())),
        Some(_) => {
            let format = template::unescape(format.unwrap_or_default());
            let located = |fault| in_template(fault, command, &format);
            let template = template::Template::parse(&format).map_err(located)?;
            for document in found {
                line(template.execute(document).map_err(located)?)?;
            }
            Ok(())
        }
    }
}

/// Go says which template, line and column: `template: ps:1:2: executing "ps" at <.Foo>: …`.
pub fn in_template(fault: Fault, name: &str, format: &str) -> Fault {
    let what = if let Some(rest) = fault.what.strip_prefix("template: executing \"\" at <") {
        let field = rest.split('>').next().unwrap_or_default();
        let at = format.find(field).unwrap_or(0);
        let line = format[..at].matches('\n').count() + 1;
        let column = at - format[..at].rfind('\n').map_or(0, |newline| newline + 1);
        format!("template: {name}:{line}:{column}: executing \"{name}\" at <{rest}")
    } else if let Some(why) = fault.what.strip_prefix("template parsing error: template: ") {
        format!("template: {name}:1: {why}")
    } else {
        return fault;
    };
    Fault { what, ..fault }
}
