//! containers.conf and storage.conf, in the places where podman reads them. A file that is not there costs one open(2);
//! only files that are there are parsed.

use super::Environment;
use super::environment::Caller;
use crate::fault::Fault;
use anyhow::{Context, Result};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// What the files say, merged; later files win key by key.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Files {
    /// The files that were there, in the order they were read.
    pub read: Vec<PathBuf>,
    /// containers.conf
    pub containers: Table,
    /// storage.conf
    pub storage: Table,
}

/// Reads the files that exist.
pub fn read(environment: &Environment, caller: &Caller) -> Result<Files> {
    let mut files = Files::default();
    let home = config_home(environment, caller);
    match environment.filled("CONTAINERS_CONF") {
        Some(path) => take(&mut files.containers, &mut files.read, Path::new(path), true)?,
        None => {
            let mut dirs = vec![PathBuf::from("/usr/share/containers"), PathBuf::from("/etc/containers")];
            dirs.extend(home.clone().filter(|_| !caller.owns_system));
            for dir in dirs {
                take(&mut files.containers, &mut files.read, &dir.join("containers.conf"), false)?;
                for path in drop_ins(&dir.join("containers.conf.d")) {
                    take(&mut files.containers, &mut files.read, &path, false)?;
                }
            }
        }
    }
    if let Some(path) = environment.filled("CONTAINERS_CONF_OVERRIDE") {
        take(&mut files.containers, &mut files.read, Path::new(path), true)?;
    }
    match environment.filled("CONTAINERS_STORAGE_CONF") {
        Some(path) => take(&mut files.storage, &mut files.read, Path::new(path), true)?,
        None => {
            // The first one that is there is the whole truth, as with podman.
            let mut places = vec![];
            places.extend(home.filter(|_| !caller.owns_system));
            places.extend([PathBuf::from("/etc/containers"), PathBuf::from("/usr/share/containers")]);
            for dir in places {
                take(&mut files.storage, &mut files.read, &dir.join("storage.conf"), false)?;
                if !files.storage.is_empty() {
                    break;
                }
            }
        }
    }
    Ok(files)
}

/// `~/.config/containers`
fn config_home(environment: &Environment, caller: &Caller) -> Option<PathBuf> {
    let home = || Some(caller.home.as_ref()?.join(".config"));
    Some(environment.path("XDG_CONFIG_HOME").or_else(home)?.join("containers"))
}

/// The `*.conf` of a directory, by name.
fn drop_ins(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut paths: Vec<_> = entries.filter(|path| path.extension().is_some_and(|end| end == "conf")).collect();
    paths.sort();
    paths
}

/// Merges one file into `table`. That it is missing is an error only when somebody has named it.
fn take(table: &mut Table, read: &mut Vec<PathBuf>, path: &Path, named: bool) -> Result<()> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if !named && matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(()),
        // Somebody else's home, after `su`: its settings are not ours.
        Err(error) if !named && error.kind() == ErrorKind::PermissionDenied => return Ok(()),
        Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
    };
    if !says_nothing(&text) {
        merge(table, parse(&text).with_context(|| format!("reading {}", path.display()))?);
    }
    read.push(path.to_path_buf());
    Ok(())
}

/// Only comments and headers, as in the files that distributions ship: to parse their 24 KB would cost each command
/// more than all the rest of its configuration.
fn says_nothing(text: &str) -> bool {
    let mut lines = text.lines().map(str::trim);
    lines.all(|line| line.is_empty() || line.starts_with('#') || line.starts_with('[') && line.ends_with(']'))
}

/// The same text with its lines of comments empty: nineteen of twenty, in the files that distributions ship. `None`
/// where strings may go over several lines, in which a `#` is no comment.
fn without_comments(text: &str) -> Option<String> {
    let mut rest = String::with_capacity(text.len() / 4);
    for line in text.split_inclusive('\n') {
        rest.push_str(if line.trim_ascii_start().starts_with('#') { "\n" } else { line });
    }
    // One begins in a line that is none of comments.
    (!rest.contains("\"\"\"") && !rest.contains("'''")).then_some(rest)
}

pub(super) fn parse(text: &str) -> Result<Table> {
    let short = without_comments(text);
    let text = short.as_deref().unwrap_or(text);
    text.parse().map_err(|error: toml::de::Error| {
        let line = error.span().map_or(0, |span| text[..span.start].matches('\n').count() + 1);
        Fault::invalid(format!("line {line}: {}", error.message())).into()
    })
}

/// Tables are merged key by key, anything else is replaced.
fn merge(into: &mut Table, from: Table) {
    for (key, value) in from {
        match (into.get_mut(&key), value) {
            (Some(Value::Table(old)), Value::Table(new)) => merge(old, new),
            (_, value) => {
                into.insert(key, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_files_win_key_by_key() {
        let mut table = parse("[containers]\ntz = \"UTC\"\nenv = [\"A=1\"]\n[engine]\nx = 1\n").expect("TOML");
        merge(&mut table, parse("[containers]\ntz = \"local\"\n").expect("TOML"));
        assert_eq!(table, parse("[containers]\ntz = \"local\"\nenv = [\"A=1\"]\n[engine]\nx = 1\n").expect("TOML"));
    }

    #[test]
    fn a_file_of_comments_says_nothing() {
        for (text, nothing) in [
            ("", true),
            ("# a = 1\n\n[containers]\n  # b = 2\n[engine]\n", true),
            ("[containers]\ntz = \"UTC\"\n", false),
            ("[containers\n", false),
        ] {
            assert_eq!(says_nothing(text), nothing, "{text:?}");
        }
    }

    #[test]
    fn comments_count_as_lines_and_may_stand_in_lists() {
        let text = "# a\n[containers]\n# b = 1\nenv = [\n  # \"A=1\",\n  \"B=#2\",\n]\n#";
        assert_eq!(without_comments(text).as_deref(), Some("\n[containers]\n\nenv = [\n\n  \"B=#2\",\n]\n\n"));
        assert_eq!(parse(text).expect("TOML"), parse("containers.env = [\"B=#2\"]").expect("TOML"));
        assert_eq!(without_comments("a = \"\"\"\n# text\n\"\"\""), None);
        let error = parse("# one\n# two\ntz = \n").expect_err("no value");
        assert!(error.to_string().starts_with("line 3: "), "{error}");
    }

    #[test]
    fn an_error_names_the_line() {
        let error = parse("[containers]\ntz = \n").expect_err("no value");
        assert!(error.to_string().starts_with("line 2: "), "{error}");
    }

    #[test]
    fn only_a_named_file_must_be_there() {
        let (mut table, mut read) = (Table::new(), Vec::new());
        take(&mut table, &mut read, Path::new("/nonexistent/x.conf"), false).expect("nobody has named it");
        let error = take(&mut table, &mut read, Path::new("/nonexistent/x.conf"), true).expect_err("it is missing");
        assert_eq!(error.to_string(), "reading /nonexistent/x.conf");
    }
}
