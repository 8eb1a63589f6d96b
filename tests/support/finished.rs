//! What a command left: output and exit code, and the assertions on them.

use std::process::Output;

/// A command that has ended. Assertions return it, so that they chain.
#[derive(Debug, Clone)]
pub struct Finished {
    /// The command line, for messages.
    pub line: String,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
    /// Its exit code; 128+n for a signal.
    pub status: i32,
}

impl Finished {
    pub(super) fn new(line: String, output: Output) -> Self {
        use std::os::unix::process::ExitStatusExt;
        Finished {
            line,
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            status: output.status.code().unwrap_or_else(|| 128 + output.status.signal().unwrap_or(0)),
        }
    }

    /// stdout followed by stderr is exactly this; [ID] stands for an id (12 or 64 hex digits), [TIME] for a time.
    #[track_caller]
    pub fn is(self, expected: &str) -> Self {
        self.same("output", &format!("{}{}", self.stdout, self.stderr), expected);
        self
    }

    /// stdout is exactly this, with placeholders.
    #[track_caller]
    pub fn stdout_is(self, expected: &str) -> Self {
        self.same("stdout", &self.stdout, expected);
        self
    }

    /// stderr is exactly this, with placeholders.
    #[track_caller]
    pub fn stderr_is(self, expected: &str) -> Self {
        self.same("stderr", &self.stderr, expected);
        self
    }

    /// stdout or stderr has this in it.
    #[track_caller]
    pub fn has(self, part: &str) -> Self {
        assert!(self.stdout.contains(part) || self.stderr.contains(part), "no {part:?} in the output of\n{self}");
        self
    }

    /// Neither stdout nor stderr has this in it.
    #[track_caller]
    pub fn lacks(self, part: &str) -> Self {
        assert!(!self.stdout.contains(part) && !self.stderr.contains(part), "{part:?} in the output of\n{self}");
        self
    }

    /// The exit code is this.
    #[track_caller]
    pub fn code(self, expected: i32) -> Self {
        assert_eq!(self.status, expected, "exit code of\n{self}");
        self
    }

    /// It went well, and had nothing to complain about.
    #[track_caller]
    pub fn ok(self) -> Self {
        let this = self.code(0);
        assert_eq!(this.stderr, "", "stderr of\n{this}");
        this
    }

    /// It went wrong (but was not killed), with one line `Error: …` on stderr.
    #[track_caller]
    pub fn fails(self) -> Self {
        assert!(self.status != 0 && self.status < 128, "should have failed:\n{self}");
        assert!(self.stderr.starts_with("Error: ") && self.stderr.lines().count() == 1, "one line of error:\n{self}");
        self
    }

    /// stdout without the white space around it.
    pub fn text(&self) -> &str {
        self.stdout.trim()
    }

    /// The lines of stdout.
    pub fn lines(&self) -> Vec<&str> {
        self.stdout.lines().collect()
    }

    /// stdout as JSON.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("not JSON: {error}:\n{self}"))
    }

    #[track_caller]
    fn same(&self, what: &str, actual: &str, expected: &str) {
        if actual != expected && placeholders(actual) != expected {
            panic!("{what} is not\n{expected}\nbut\n{self}");
        }
    }
}

impl std::fmt::Display for Finished {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "$ {}", self.line)?;
        write!(f, "{}", self.stdout)?;
        write!(f, "--- stderr\n{}--- exit {}", self.stderr, self.status)
    }
}

/// Ids become [ID], RFC 3339 times [TIME].
pub fn placeholders(text: &str) -> String {
    let mut result = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let hex = rest.find(|letter: char| !matches!(letter, '0'..='9' | 'a'..='f')).unwrap_or(rest.len());
        let before_is_word = result.ends_with(|letter: char| letter.is_alphanumeric());
        let after_is_word = rest[hex..].starts_with(|letter: char| letter.is_alphanumeric());
        if let Some(length) = time_length(rest).filter(|_| !before_is_word) {
            result.push_str("[TIME]");
            rest = &rest[length..];
        } else if [12, 64].contains(&hex) && !before_is_word && !after_is_word {
            result.push_str("[ID]");
            rest = &rest[hex..];
        } else {
            let step = if first.is_alphanumeric() && !before_is_word {
                rest.find(|letter: char| !letter.is_alphanumeric()).unwrap_or(rest.len())
            } else {
                first.len_utf8()
            };
            result.push_str(&rest[..step]);
            rest = &rest[step..];
        }
    }
    result
}

/// How long the RFC 3339 time is that `text` starts with.
fn time_length(text: &str) -> Option<usize> {
    let shape = "dddd-dd-ddTdd:dd:dd";
    let bytes = text.as_bytes();
    let fits = bytes.len() >= shape.len()
        && shape
            .bytes()
            .zip(bytes)
            .all(|(shape, byte)| if shape == b'd' { byte.is_ascii_digit() } else { *byte == shape });
    if !fits {
        return None;
    }
    let rest = &text[shape.len()..];
    let end =
        rest.find(|letter: char| !matches!(letter, '0'..='9' | '.' | '+' | '-' | ':' | 'Z')).unwrap_or(rest.len());
    Some(shape.len() + end)
}

#[test]
fn ids_and_times_become_placeholders() {
    for (text, expected) in [
        ("container 0123456789ab is", "container [ID] is"),
        ("0123456789abc deadbeef", "0123456789abc deadbeef"),
        ("at 2026-11-21T14:00:00.123456789Z.", "at [TIME]"),
        ("sha256:0000000000000000000000000000000000000000000000000000000000000000\n", "sha256:[ID]\n"),
        ("a 2026-11-21 b", "a 2026-11-21 b"),
    ] {
        assert_eq!(placeholders(text), expected);
    }
}
