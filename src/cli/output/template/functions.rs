//! What templates can call: Go's own functions, and docker's and podman's eight.

use super::execute::Any;
use super::print;
use serde_json::Value;
use std::borrow::Cow;
use std::cmp::Ordering;

const KNOWN: &[&str] = &[
    "and", "eq", "ge", "gt", "html", "index", "join", "js", "json", "le", "len", "lower", "lt", "ne", "not", "or",
    "pad", "print", "printf", "println", "slice", "split", "title", "truncate", "upper", "urlquery",
];

pub(super) fn is_known(name: &str) -> bool {
    KNOWN.contains(&name)
}

/// Go's idea of true: not the zero value.
pub(super) fn truth(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
    }
}

/// What a field holds that docker's and podman's structs have but JSON leaves out or writes as null when it is empty.
pub(super) fn empty_field(name: &str) -> Option<Value> {
    match name {
        "Cmd" | "Entrypoint" | "Env" | "OnBuild" | "Shell" | "RepoTags" | "RepoDigests" | "Names" | "Notes" => {
            Some(Value::Array(Vec::new()))
        }
        "Volumes" | "ExposedPorts" | "Labels" | "Annotations" => Some(Value::Object(serde_json::Map::new())),
        "User" | "WorkingDir" | "StopSignal" | "Author" | "Comment" | "Variant" => Some("".into()),
        "Health" | "Healthcheck" | "HealthCheck" => Some(Value::Null),
        _ => None,
    }
}

/// The name of Go's type.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "<nil>",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float64",
        Value::Number(_) => "int",
        Value::String(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
    }
}

pub(super) fn call<'a>(name: &str, arguments: Vec<Any<'a>>) -> Result<Any<'a>, String> {
    let count = arguments.len();
    let wants = |least: usize, most: usize| match (least..=most).contains(&count) {
        true => Ok(()),
        false if least == most => Err(format!("wrong number of args: want {least} got {count}")),
        false => Err(format!("wrong number of args: want at least {least} got {count}")),
    };
    let owned = |value: Value| Ok(Cow::Owned(value));
    let string = |at: usize| match &*arguments[at] {
        Value::String(text) => Ok(text.clone()),
        Value::Null => Ok(String::new()),
        other => Err(format!("expected string; found {}", print::text(other))),
    };
    match name {
        "and" | "or" => {
            wants(1, usize::MAX)?;
            let decides = |value: &Any<'a>| truth(value) == (name == "or");
            let last = arguments.last().cloned();
            let first = arguments.into_iter().find(decides);
            Ok(first.or(last).unwrap_or(Cow::Owned(Value::Null)))
        }
        "not" => {
            wants(1, 1)?;
            owned((!truth(&arguments[0])).into())
        }
        "len" => {
            wants(1, 1)?;
            owned(match &*arguments[0] {
                Value::String(text) => text.len().into(),
                Value::Array(items) => items.len().into(),
                Value::Object(fields) => fields.len().into(),
                Value::Null => 0.into(),
                other => return Err(format!("len of type {}", kind(other))),
            })
        }
        "index" => {
            wants(1, usize::MAX)?;
            let mut arguments = arguments.into_iter();
            let first = arguments.next().unwrap_or(Cow::Owned(Value::Null));
            index(first, arguments.collect())
        }
        "slice" => {
            wants(1, 4)?;
            slice(&arguments)
        }
        "print" => {
            let mut out = String::new();
            for (at, value) in arguments.iter().enumerate() {
                // Go puts a blank between two operands when neither is a string.
                if at > 0 && !value.is_string() && !arguments[at - 1].is_string() {
                    out.push(' ');
                }
                print::write(value, &mut out);
            }
            owned(out.into())
        }
        "println" => {
            let parts: Vec<String> = arguments.iter().map(|value| print::text(value)).collect();
            owned((parts.join(" ") + "\n").into())
        }
        "printf" => {
            wants(1, usize::MAX)?;
            owned(print::printf(&string(0)?, &arguments[1..]).into())
        }
        "json" => {
            wants(1, 1)?;
            owned(arguments[0].to_string().into())
        }
        "join" => {
            wants(2, 2)?;
            let separator = string(1)?;
            let items = match &*arguments[0] {
                Value::Array(items) => items.iter().map(print::text).collect::<Vec<_>>(),
                Value::Null => Vec::new(),
                other => return Err(format!("wrong type for value; expected []string; got {}", kind(other))),
            };
            owned(items.join(&separator).into())
        }
        "split" => {
            wants(2, 2)?;
            let (text, separator) = (string(0)?, string(1)?);
            let parts: Vec<Value> = match separator.is_empty() {
                true => text.chars().map(|c| c.to_string().into()).collect(),
                false => text.split(&separator).map(Value::from).collect(),
            };
            owned(parts.into())
        }
        "upper" | "lower" | "title" | "html" | "js" | "urlquery" => {
            wants(1, usize::MAX)?;
            let text: String = arguments.iter().map(|value| print::text(value)).collect();
            owned(
                match name {
                    "upper" => text.to_uppercase(),
                    "lower" => text.to_lowercase(),
                    "title" => title(&text),
                    "html" => html(&text),
                    "js" => js(&text),
                    _ => url_query(&text),
                }
                .into(),
            )
        }
        "pad" => {
            wants(3, 3)?;
            let text = string(0)?;
            let blanks = |at: usize| " ".repeat(arguments[at].as_u64().unwrap_or(0).min(4096) as usize);
            let padded = if text.is_empty() { text } else { format!("{}{text}{}", blanks(1), blanks(2)) };
            owned(padded.into())
        }
        "truncate" => {
            wants(2, 2)?;
            let most = usize::try_from(arguments[1].as_u64().unwrap_or(0)).unwrap_or(usize::MAX);
            owned(string(0)?.chars().take(most).collect::<String>().into())
        }
        "eq" | "ne" | "lt" | "le" | "gt" | "ge" => {
            wants(2, if name == "eq" { usize::MAX } else { 2 })?;
            owned(compare(name, &arguments)?.into())
        }
        _ => Err(format!("function \"{name}\" not defined")),
    }
}

/// `index x 1 "key"`: an absent key gives the zero value of what the map holds.
pub(super) fn index<'a>(value: Any<'a>, keys: Vec<Any<'a>>) -> Result<Any<'a>, String> {
    let mut value = value;
    for key in keys {
        value = match (value, &*key) {
            (Cow::Borrowed(Value::Array(items)), Value::Number(number)) => {
                Cow::Borrowed(items.get(position(number)?).ok_or_else(|| format!("index out of range: {number}"))?)
            }
            (Cow::Owned(Value::Array(mut items)), Value::Number(number)) => {
                let at = position(number)?;
                match at < items.len() {
                    true => Cow::Owned(items.swap_remove(at)),
                    false => return Err(format!("index out of range: {number}")),
                }
            }
            (Cow::Borrowed(Value::Object(fields)), Value::String(key)) => match fields.get(key) {
                Some(value) => Cow::Borrowed(value),
                None => Cow::Owned(zero_of(fields)),
            },
            (Cow::Owned(Value::Object(mut fields)), Value::String(key)) => match fields.remove(key) {
                Some(value) => Cow::Owned(value),
                None => Cow::Owned(zero_of(&fields)),
            },
            (text, Value::Number(number)) if text.is_string() => {
                let bytes = text.as_str().unwrap_or_default().as_bytes();
                let byte = bytes.get(position(number)?).ok_or_else(|| format!("index out of range: {number}"))?;
                Cow::Owned((*byte).into())
            }
            // An absent map: labels that are null.
            (null, Value::String(_)) if null.is_null() => Cow::Owned("".into()),
            (null, Value::Number(number)) if null.is_null() => return Err(format!("index out of range: {number}")),
            (other, key) => return Err(format!("can't index item of type {} with {}", kind(&other), kind(key))),
        };
    }
    Ok(value)
}

fn position(number: &serde_json::Number) -> Result<usize, String> {
    number.as_u64().and_then(|at| usize::try_from(at).ok()).ok_or_else(|| format!("index out of range: {number}"))
}

fn zero_of(fields: &serde_json::Map<String, Value>) -> Value {
    match fields.values().all(Value::is_string) {
        true => "".into(),
        false => Value::Null,
    }
}

fn slice<'a>(arguments: &[Any<'a>]) -> Result<Any<'a>, String> {
    let length = match &*arguments[0] {
        Value::String(text) => text.len(),
        Value::Array(items) => items.len(),
        other => return Err(format!("can't slice item of type {}", kind(other))),
    };
    let bound = |at: usize, default: usize| match arguments.get(at) {
        None => Ok(default),
        Some(value) => match value.as_u64().and_then(|number| usize::try_from(number).ok()) {
            Some(number) if number <= length => Ok(number),
            _ => Err(format!("index out of range: {}", print::text(value))),
        },
    };
    let (from, to) = (bound(1, 0)?, bound(2, length)?);
    if from > to {
        return Err(format!("invalid slice index: {from} > {to}"));
    }
    Ok(Cow::Owned(match &*arguments[0] {
        Value::String(text) => String::from_utf8_lossy(&text.as_bytes()[from..to]).into_owned().into(),
        Value::Array(items) => items[from..to].to_vec().into(),
        other => other.clone(),
    }))
}

fn compare(name: &str, arguments: &[Any<'_>]) -> Result<bool, String> {
    let first = &arguments[0];
    if name == "eq" || name == "ne" {
        for other in &arguments[1..] {
            let equal = match (&**first, &**other) {
                (Value::Number(one), Value::Number(two)) => one == two || one.as_f64() == two.as_f64(),
                (one, two) if std::mem::discriminant(one) == std::mem::discriminant(two) => one == two,
                (Value::Null, _) | (_, Value::Null) => false,
                _ => return Err("incompatible types for comparison".into()),
            };
            if equal {
                return Ok(name == "eq");
            }
        }
        return Ok(name == "ne");
    }
    let order = match (&**first, &*arguments[1]) {
        (Value::Number(one), Value::Number(two)) => match (one.as_i64(), two.as_i64()) {
            (Some(one), Some(two)) => one.cmp(&two),
            _ => one.as_f64().partial_cmp(&two.as_f64()).unwrap_or(Ordering::Equal),
        },
        (Value::String(one), Value::String(two)) => one.cmp(two),
        (Value::Bool(_) | Value::Null | Value::Array(_) | Value::Object(_), _) => {
            return Err("invalid type for comparison".into());
        }
        _ => return Err("incompatible types for comparison".into()),
    };
    Ok(match name {
        "lt" => order.is_lt(),
        "le" => order.is_le(),
        "gt" => order.is_gt(),
        _ => order.is_ge(),
    })
}

/// Go's `strings.Title`: a capital after everything that is no letter.
fn title(text: &str) -> String {
    let mut before = ' ';
    let capital = |c: char| {
        let start = !(before.is_alphanumeric() || before == '_' || before == '\'');
        before = c;
        if start { c.to_uppercase().collect::<String>() } else { c.to_string() }
    };
    text.chars().map(capital).collect()
}

fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            c => out.push(c),
        }
    }
    out
}

fn js(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | '\'' | '"' => out.extend(['\\', c]),
            '<' | '>' | '&' | '=' => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c if c.is_control() => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}

fn url_query(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            b' ' => out.push('+'),
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
