//! man/ and completions/ equal what the definitions of the command line give; `UPDATE=1` (`make golden`) writes them.

mod bash;
mod fish;
mod man;
mod zsh;

use clap::{Arg, ArgAction};
use std::collections::BTreeMap;
use std::path::Path;

/// A command as completion scripts know it.
struct Entry {
    /// `barge container rm`
    path: String,
    /// (spelling, about)
    commands: Vec<(String, String)>,
    flags: Vec<Flag>,
}

struct Flag {
    long: String,
    short: Option<char>,
    help: String,
    takes_value: bool,
}

/// Every command and group, by its full name; aliases have entries of their own.
fn entries() -> Vec<Entry> {
    fn walk(command: &clap::Command, path: String, entries: &mut Vec<Entry>) {
        let mut commands = Vec::new();
        for beneath in command.get_subcommands().filter(|command| !command.is_hide_set()) {
            let about = beneath.get_about().map(ToString::to_string).unwrap_or_default();
            for name in std::iter::once(beneath.get_name()).chain(beneath.get_visible_aliases()) {
                commands.push((name.to_string(), about.clone()));
                walk(beneath, format!("{path} {name}"), entries);
            }
        }
        commands.sort();
        let mut flags: Vec<Flag> = command.get_arguments().filter_map(flag).collect();
        if !flags.iter().any(|flag| flag.long == "help") {
            flags.push(Flag { long: "help".into(), short: None, help: "Print usage".into(), takes_value: false });
        }
        flags.sort_by(|a, b| a.long.cmp(&b.long));
        entries.push(Entry { path, commands, flags });
    }
    let mut entries = Vec::new();
    walk(&barge::cli::help::tree(), "barge".to_string(), &mut entries);
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    entries
}

fn flag(arg: &Arg) -> Option<Flag> {
    let long = arg.get_long().filter(|_| !arg.is_hide_set())?;
    let optional = arg.get_num_args().is_some_and(|range| range.min_values() == 0);
    Some(Flag {
        long: long.to_string(),
        short: arg.get_short(),
        help: arg.get_help().map(ToString::to_string).unwrap_or_default(),
        takes_value: matches!(arg.get_action(), ArgAction::Set | ArgAction::Append) && !optional,
    })
}

/// Path below the package → content.
fn generated() -> BTreeMap<String, String> {
    let entries = entries();
    let mut files = man::pages();
    files.insert("completions/barge.bash".into(), bash::script(&entries));
    files.insert("completions/_barge".into(), zsh::script(&entries));
    files.insert("completions/barge.fish".into(), fish::script(&entries));
    files
}

#[test]
fn man_pages_and_completions_are_up_to_date() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = generated();
    let mut known = Vec::new();
    for dir in ["man", "completions"] {
        for entry in std::fs::read_dir(package.join(dir)).into_iter().flatten().flatten() {
            known.push(format!("{dir}/{}", entry.file_name().to_string_lossy()));
        }
    }
    if std::env::var_os("UPDATE").is_some() {
        for dir in ["man", "completions"] {
            std::fs::create_dir_all(package.join(dir)).expect("the directory can be made");
        }
        for name in known.iter().filter(|name| !files.contains_key(*name)) {
            std::fs::remove_file(package.join(name)).expect("an old file can be removed");
        }
        for (name, content) in &files {
            std::fs::write(package.join(name), content).expect("a file can be written");
        }
        return;
    }
    let mut stale: Vec<&String> = known.iter().filter(|name| !files.contains_key(*name)).collect();
    for (name, content) in &files {
        if std::fs::read_to_string(package.join(name)).ok().as_ref() != Some(content) {
            stale.push(name);
        }
    }
    assert!(stale.is_empty(), "not as the definitions say; run `make golden`: {stale:?}");
}

#[test]
fn shells_can_read_the_scripts() {
    // The other test is about to write them.
    if std::env::var_os("UPDATE").is_some() {
        return;
    }
    for (shell, args, script) in [
        ("bash", ["-n"], "completions/barge.bash"),
        ("zsh", ["-n"], "completions/_barge"),
        ("fish", ["-n"], "completions/barge.fish"),
    ] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(script);
        // A shell that is not installed has no opinion; bash always is.
        let Ok(output) = std::process::Command::new(shell).args(args).arg(&path).output() else { continue };
        assert!(output.status.success(), "{shell}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
