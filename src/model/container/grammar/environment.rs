//! Variables and labels: `-e`, `--env-file`, `--label-file`.

use crate::fault::Fault;

/// One `-e`: `K=V` as it is; `K` from `lookup`, left out when that has none; `K*` (if `globs`) everything that begins
/// so, from `all`.
pub fn resolve_env(
    text: &str,
    globs: bool,
    lookup: impl Fn(&str) -> Option<String>,
    all: impl Fn() -> Vec<(String, String)>,
) -> Result<Vec<String>, Fault> {
    if text.starts_with('=') || text.is_empty() {
        return Err(Fault::invalid(format!("invalid environment variable: {text:?}")));
    }
    if text.contains('\0') {
        return Err(Fault::invalid(format!("invalid environment variable: {text:?}: contains a zero byte")));
    }
    if text.contains('=') {
        return Ok(vec![text.to_string()]);
    }
    if let Some(prefix) = text.strip_suffix('*').filter(|_| globs) {
        let matching = all().into_iter().filter(|(name, _)| name.starts_with(prefix));
        return Ok(matching.map(|(name, value)| format!("{name}={value}")).collect());
    }
    Ok(lookup(text).map(|value| format!("{text}={value}")).into_iter().collect())
}

/// The lines of an `--env-file` that say something, each for [`resolve_env`]. Docker's format: no quoting at all.
pub fn parse_env_file(text: &str) -> Result<Vec<String>, Fault> {
    lines(text, "environment", "variable")
}

/// The lines of a `--label-file`.
pub fn parse_label_file(text: &str) -> Result<Vec<String>, Fault> {
    lines(text, "labels", "label")
}

fn lines(text: &str, things: &str, thing: &str) -> Result<Vec<String>, Fault> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut found = Vec::new();
    for line in text.lines() {
        let line = line.trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let name = line.split('=').next().unwrap_or_default();
        if name.is_empty() {
            return Err(Fault::invalid(format!("poorly formatted {things}: no {thing} name on line '{line}'")));
        }
        // `K = V`: docker refuses blanks in a name; those after a bare name are trimmed.
        let bare = !line.contains('=');
        if name.trim_end().contains(char::is_whitespace) || (!bare && name.ends_with(char::is_whitespace)) {
            return Err(Fault::invalid(format!("poorly formatted {things}: {thing} '{name}' contains whitespaces")));
        }
        found.push(if bare { line.trim_end() } else { line }.to_string());
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_come_from_the_environment_when_no_value_is_given() {
        let all = || vec![("HOME".to_string(), "/h".to_string()), ("HOST".to_string(), "x".to_string())];
        let lookup = |name: &str| all().into_iter().find(|(key, _)| key == name).map(|(_, value)| value);
        for (text, globs, expected) in [
            ("A=b", true, vec!["A=b"]),
            ("A=", true, vec!["A="]),
            ("A=b=c", true, vec!["A=b=c"]),
            ("HOME", true, vec!["HOME=/h"]),
            ("NOTSET", true, vec![]),
            ("HO*", true, vec!["HOME=/h", "HOST=x"]),
            ("HO*", false, vec![]),
        ] {
            assert_eq!(resolve_env(text, globs, lookup, all).unwrap(), expected, "{text}");
        }
        for text in ["", "=x"] {
            assert!(resolve_env(text, true, lookup, all).is_err(), "{text:?}");
        }
    }

    #[test]
    fn files_have_a_variable_a_line() {
        let text = "\u{feff}# comment\n\n  A=b c\nHOME\n\tB='x'\r\nC=a=b\n";
        assert_eq!(parse_env_file(text).unwrap(), ["A=b c", "HOME", "B='x'", "C=a=b"]);
        for (text, why) in [
            ("=x", "no variable name on line '=x'"),
            ("A B=c", "variable 'A B' contains whitespaces"),
            ("A =c", "variable 'A ' contains whitespaces"),
        ] {
            let error = parse_env_file(text).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }
}
