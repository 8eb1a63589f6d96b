//! Lists and pairs.

use crate::fault::Fault;

/// The fields of one CSV record, as Go's `encoding/csv` reads them: podman's list flags and `--mount`.
pub fn fields(text: &str) -> Result<Vec<String>, Fault> {
    let bad = || Fault::invalid(format!("parse error in {text:?}: extraneous or missing \" in quoted-field"));
    let mut fields = Vec::new();
    let mut rest = text;
    loop {
        if let Some(quoted) = rest.strip_prefix('"') {
            let mut field = String::new();
            let mut tail = quoted;
            loop {
                let (before, after) = tail.split_once('"').ok_or_else(bad)?;
                field.push_str(before);
                match after.strip_prefix('"') {
                    Some(after) => {
                        field.push('"');
                        tail = after;
                    }
                    None => {
                        tail = after;
                        break;
                    }
                }
            }
            fields.push(field);
            match tail.strip_prefix(',') {
                Some(tail) => rest = tail,
                None if tail.is_empty() => return Ok(fields),
                None => return Err(bad()),
            }
        } else {
            match rest.split_once(',') {
                Some((field, tail)) => {
                    fields.push(field.to_string());
                    rest = tail;
                }
                None => {
                    fields.push(rest.to_string());
                    break;
                }
            }
        }
    }
    Ok(fields)
}

/// `key=value`, with a key; `None` otherwise.
pub fn key_value(text: &str) -> Option<(&str, &str)> {
    text.split_once('=').filter(|(key, _)| !key.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_split_as_csv() {
        for (text, expected) in [
            ("a", vec!["a"]),
            ("a,b", vec!["a", "b"]),
            ("\"a,b\",c", vec!["a,b", "c"]),
            ("\"a\"\"b\"", vec!["a\"b"]),
            ("", vec![""]),
            ("a,", vec!["a", ""]),
            ("dst=/x y,ro", vec!["dst=/x y", "ro"]),
        ] {
            assert_eq!(fields(text).unwrap(), expected, "{text:?}");
        }
        for text in ["\"a", "\"a\"b"] {
            assert!(fields(text).is_err(), "{text:?}");
        }
    }
}
