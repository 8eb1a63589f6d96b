//! Values as Go's fmt writes them.

use serde_json::Value;

/// `%v`
pub(super) fn text(value: &Value) -> String {
    let mut out = String::new();
    write(value, &mut out);
    out
}

/// `%v`, appended.
pub(super) fn write(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("<no value>"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Number(number) => match (number.is_f64(), number.as_f64()) {
            (true, Some(float)) => out.push_str(&general(float)),
            _ => out.push_str(&number.to_string()),
        },
        Value::String(text) => out.push_str(text),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(' ');
                }
                nested(item, out);
            }
            out.push(']');
        }
        Value::Object(fields) => {
            out.push_str("map[");
            for (index, (key, item)) in fields.iter().enumerate() {
                if index > 0 {
                    out.push(' ');
                }
                out.push_str(key);
                out.push(':');
                nested(item, out);
            }
            out.push(']');
        }
    }
}

fn nested(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("<nil>"),
        value => write(value, out),
    }
}

/// `%v` of a float: the shortest digits, an exponent below 1e-4 and from 1e21.
fn general(float: f64) -> String {
    let size = float.abs();
    if size != 0.0 && !(1e-4..1e21).contains(&size) {
        let text = format!("{float:e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |rest| ('-', rest));
        return format!("{digits}e{sign}{exponent:0>2}");
    }
    format!("{float}")
}

/// `printf`, for the verbs that templates use.
pub(super) fn printf(format: &str, arguments: &[super::execute::Any<'_>]) -> String {
    let mut out = String::new();
    let mut next = arguments.iter();
    let mut rest = format;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let flags = &rest[..rest.find(|c: char| !"+-# 0".contains(c)).unwrap_or(rest.len())];
        rest = &rest[flags.len()..];
        let width = digits(&mut rest);
        let precision = match rest.strip_prefix('.') {
            Some(after) => {
                rest = after;
                Some(digits(&mut rest).unwrap_or(0))
            }
            None => None,
        };
        let Some(verb) = rest.chars().next() else {
            out.push_str("%!(NOVERB)");
            break;
        };
        rest = &rest[verb.len_utf8()..];
        if verb == '%' {
            out.push('%');
            continue;
        }
        let Some(argument) = next.next() else {
            out.push_str(&format!("%!{verb}(MISSING)"));
            continue;
        };
        let text = one(verb, argument, flags, precision);
        out.push_str(&padded(text, flags, width, argument.is_number()));
    }
    out.push_str(rest);
    let extra: Vec<String> = next.map(|value| format!("{}={}", super::functions::kind(value), text(value))).collect();
    if !extra.is_empty() {
        out.push_str(&format!("%!(EXTRA {})", extra.join(", ")));
    }
    out
}

fn digits(rest: &mut &str) -> Option<usize> {
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let number = rest[..end].parse::<usize>().ok();
    *rest = &rest[end..];
    // What is wider is a mistake, and would only take memory.
    number.map(|number| number.min(4096))
}

fn one(verb: char, value: &Value, flags: &str, precision: Option<usize>) -> String {
    let cut = |text: String| match precision {
        Some(most) => text.chars().take(most).collect(),
        None => text,
    };
    let sign = |text: String| match flags.contains('+') && !text.starts_with('-') {
        true => format!("+{text}"),
        false => text,
    };
    match (verb, value) {
        ('v', Value::Number(_)) => sign(text(value)),
        ('v', _) => text(value),
        ('s', Value::String(_) | Value::Array(_) | Value::Object(_)) => cut(text(value)),
        ('q', Value::String(text)) => Value::String(text.clone()).to_string(),
        ('q', Value::Array(items)) => {
            let items: Vec<String> = items.iter().map(|item| one('q', item, flags, None)).collect();
            format!("[{}]", items.join(" "))
        }
        ('t', Value::Bool(_)) => text(value),
        ('d', Value::Number(number)) if !number.is_f64() => sign(number.to_string()),
        ('x' | 'X' | 'o' | 'b' | 'c', Value::Number(number)) if number.is_u64() => {
            let number = number.as_u64().unwrap_or(0);
            match verb {
                'x' => format!("{number:x}"),
                'X' => format!("{number:X}"),
                'o' => format!("{number:o}"),
                'b' => format!("{number:b}"),
                _ => u32::try_from(number).ok().and_then(char::from_u32).unwrap_or('\u{fffd}').to_string(),
            }
        }
        ('x', Value::String(text)) => text.bytes().map(|byte| format!("{byte:02x}")).collect(),
        ('f' | 'F', Value::Number(number)) if number.is_f64() => {
            let float = number.as_f64().unwrap_or(0.0);
            sign(format!("{float:.*}", precision.unwrap_or(6)))
        }
        ('g' | 'e', Value::Number(number)) if number.is_f64() => text(value),
        ('T', _) => super::functions::kind(value).to_string(),
        _ => format!("%!{verb}({}={})", super::functions::kind(value), text(value)),
    }
}

fn padded(text: String, flags: &str, width: Option<usize>, number: bool) -> String {
    let missing = width.unwrap_or(0).saturating_sub(text.chars().count());
    let blanks = || " ".repeat(missing);
    match (missing, flags.contains('-'), flags.contains('0') && number) {
        (0, ..) => text,
        (_, true, _) => text + &blanks(),
        (_, false, true) => match text.strip_prefix('-') {
            Some(digits) => format!("-{}{digits}", "0".repeat(missing)),
            None => "0".repeat(missing) + &text,
        },
        (_, false, false) => blanks() + &text,
    }
}
