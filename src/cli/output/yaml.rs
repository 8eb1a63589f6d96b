//! YAML as Go's yaml writes it: what `info` prints.

use serde_json::Value;

/// A document.
pub fn yaml(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Object(fields) if !fields.is_empty() => write_fields(value, 0, &mut out),
        Value::Array(items) if !items.is_empty() => write_items(items, 0, &mut out),
        scalar => {
            out.push_str(&inline(scalar));
            out.push('\n');
        }
    }
    out
}

fn write_fields(value: &Value, indent: usize, out: &mut String) {
    let Value::Object(fields) = value else { return };
    for (index, (key, value)) in fields.iter().enumerate() {
        // The first field of a list's item stands behind its hyphen.
        if index > 0 || !out.ends_with("- ") {
            out.push_str(&" ".repeat(indent));
        }
        out.push_str(&scalar(key));
        out.push(':');
        write_value(value, indent, out);
    }
}

fn write_value(value: &Value, indent: usize, out: &mut String) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            out.push('\n');
            write_fields(value, indent + 2, out);
        }
        Value::Array(items) if !items.is_empty() => {
            out.push('\n');
            write_items(items, indent, out);
        }
        value => {
            out.push(' ');
            out.push_str(&inline(value));
            out.push('\n');
        }
    }
}

fn write_items(items: &[Value], indent: usize, out: &mut String) {
    for item in items {
        out.push_str(&" ".repeat(indent));
        out.push_str("- ");
        match item {
            Value::Object(fields) if !fields.is_empty() => write_fields(item, indent + 2, out),
            item => {
                out.push_str(&inline(item));
                out.push('\n');
            }
        }
    }
}

fn inline(value: &Value) -> String {
    match value {
        Value::Null => "null".to_string(),
        Value::String(text) => scalar(text),
        // Flow style is JSON's: empty ones, and lists in lists, which nothing of ours has.
        value => value.to_string(),
    }
}

/// Plain where YAML would read the same text back, else in double quotes (JSON's escapes are YAML's).
fn scalar(text: &str) -> String {
    let special = |c: char| "-?:,[]{}#&*!|>'\"%@`".contains(c) || c.is_whitespace();
    let reads_as_other = matches!(
        text.to_ascii_lowercase().as_str(),
        "" | "~" | "null" | "true" | "false" | "yes" | "no" | "on" | "off" | "y" | "n" | ".nan" | ".inf"
    ) || text.parse::<f64>().is_ok()
        || text.starts_with("0x")
        || text.starts_with("0o");
    let starts_a_date =
        text.len() >= 10 && text.as_bytes()[..4].iter().all(u8::is_ascii_digit) && text.as_bytes()[4] == b'-';
    let plain = !reads_as_other
        && !starts_a_date
        && !text.starts_with(special)
        && !text.ends_with(|c: char| c.is_whitespace() || c == ':')
        && !text.contains(": ")
        && !text.contains(" #")
        && !text.chars().any(char::is_control);
    if plain { text.to_string() } else { Value::String(text.to_string()).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn documents_are_written_as_go_does() {
        let value = json!({
            "host": {
                "arch": "amd64", "cpus": 2, "list": ["a", "b"], "none": null, "empty": {}, "nothing": [],
                "maps": [{"id": 0, "size": 1}, {"id": 1, "size": 2}], "deep": {"x": {"w": "z"}},
                "text": "a: b", "version": "12", "truth": true, "word": "true", "blank": "",
            },
        });
        let wanted = "\
host:
  arch: amd64
  blank: \"\"
  cpus: 2
  deep:
    x:
      w: z
  empty: {}
  list:
  - a
  - b
  maps:
  - id: 0
    size: 1
  - id: 1
    size: 2
  none: null
  nothing: []
  text: \"a: b\"
  truth: true
  version: \"12\"
  word: \"true\"
";
        assert_eq!(yaml(&value), wanted);
    }

    #[test]
    fn what_would_be_read_otherwise_is_quoted() {
        for text in ["", "no", "1.5", "- a", "a #b", "x:", "\"q", "@a", "a\nb", "0x1f", "2026-01-01", "[a]", "*x", " a"]
        {
            let written = scalar(text);
            assert!(written.starts_with('"') && written.ends_with('"'), "{text:?}: {written}");
        }
        for text in ["a", "/var/lib/x", "a-b", "a:b", "6.18.44", "CAP_A,CAP_B", "1h 5m (about)"] {
            assert_eq!(scalar(text), text);
        }
    }
}
