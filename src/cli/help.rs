//! `--help` in podman's layout (docker's when called as docker), drawn from the clap definitions.

use super::command::{Command, Kind};
use super::error::full;
use super::{globals, output};
use crate::config::Program;
use anyhow::Result;
use clap::{Arg, ArgAction};

/// `--version`
pub fn print_version(program: Program) -> Result<()> {
    let version = env!("CARGO_PKG_VERSION");
    output::line(match program {
        Program::Docker => format!("Docker version {version}, build barge"),
        _ => format!("{} version {version}", program.name()),
    })
}

/// Help of a group, or of the whole program.
pub fn print_group(program: Program, path: &str, commands: &[Command]) -> Result<()> {
    let top = path.is_empty();
    let about = match program {
        _ if !top => group_about(path),
        Program::Docker => "A container engine without a daemon",
        _ => "Manage containers and images",
    };
    let name = full(program, path);
    let mut text = String::new();
    let options = if top { "[options] " } else { "" };
    match program {
        Program::Docker if top => text.push_str("Usage:  docker [OPTIONS] COMMAND\n\n"),
        Program::Docker => text.push_str(&format!("Usage:  {name} COMMAND\n\n")),
        _ => {}
    }
    text.push_str(about);
    text.push('\n');
    if program != Program::Docker {
        if !top {
            text.push_str(&format!("\nDescription:\n  {about}\n"));
        }
        text.push_str(&format!("\nUsage:\n  {name} {options}[command]\n"));
    }
    text.push_str(if program == Program::Docker { "\nCommands:\n" } else { "\nAvailable Commands:\n" });
    let width = commands.iter().map(|command| command.name.len()).max().unwrap_or(0);
    for command in commands {
        let about = match command.kind {
            Kind::Group { about, .. } => about.to_string(),
            Kind::Leaf { .. } => command.definition().get_about().map(ToString::to_string).unwrap_or_default(),
        };
        text.push_str(&format!("  {:width$}  {about}\n", command.name));
    }
    if top {
        let definition = globals::definition(clap::Command::new("barge"), program);
        text.push_str(&options_of(&definition));
    }
    if program == Program::Docker {
        text.push_str(&format!("\nRun '{name} COMMAND --help' for more information on a command.\n"));
    }
    output::text(text)
}

fn group_about(path: &str) -> &'static str {
    super::TREE
        .iter()
        .find_map(|command| match command.kind {
            Kind::Group { about, .. } if command.name == path => Some(about),
            _ => None,
        })
        .unwrap_or_default()
}

/// The whole command line as clap has it: what man pages and completions are made of.
pub fn tree() -> clap::Command {
    globals::definition(clap::Command::new("barge"), Program::Barge)
        .about("Manage containers and images")
        .disable_help_subcommand(true)
        .disable_help_flag(true)
        .disable_version_flag(true)
        .version(env!("CARGO_PKG_VERSION"))
        .subcommands(super::TREE.iter().map(Command::definition))
}

/// Help of one command.
pub fn print_command(program: Program, path: &str, command: &clap::Command) -> Result<()> {
    let name = full(program, path);
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let long = command.get_long_about().map(ToString::to_string).unwrap_or_default();
    let long = long.strip_prefix(&about).unwrap_or(&long).trim();
    let arguments = arguments_of(command);
    let space = if arguments.is_empty() { "" } else { " " };
    let mut text = String::new();
    if program == Program::Docker {
        text.push_str(&format!("Usage:  {name} [OPTIONS]{space}{arguments}\n\n{about}\n"));
    } else {
        let description = if long.is_empty() { about.as_str() } else { long };
        text.push_str(&format!("{about}\n\nDescription:\n"));
        for line in description.lines() {
            text.push_str(&format!("  {line}\n"));
        }
        text.push_str(&format!("\nUsage:\n  {name} [options]{space}{arguments}\n"));
    }
    text.push_str(&options_of(command));
    output::text(text)
}

/// `CONTAINER [CONTAINER...]`
pub fn arguments_of(command: &clap::Command) -> String {
    let mut words = Vec::new();
    for arg in command.get_positionals() {
        let name = arg
            .get_value_names()
            .and_then(|names| names.first())
            .map_or_else(|| arg.get_id().to_string().to_uppercase(), ToString::to_string);
        let many = arg.get_num_args().is_some_and(|range| range.max_values() > 1)
            || matches!(arg.get_action(), ArgAction::Append);
        // A command whose words mean different things says so itself: `IMAGE [COMMAND [ARG...]]`.
        if name.contains(' ') {
            words.push(name);
            continue;
        }
        words.push(match (arg.is_required_set(), many) {
            (true, false) => name,
            (true, true) => format!("{name} [{name}...]"),
            (false, false) => format!("[{name}]"),
            (false, true) => format!("[{name}...]"),
        });
    }
    words.join(" ")
}

/// The same by the command's full name; empty when there is no such command.
pub fn arguments(path: &str) -> String {
    let words: Vec<std::ffi::OsString> = path.split(' ').map(Into::into).collect();
    match super::command::find(&words) {
        super::command::Found::Leaf(command, ..) => arguments_of(&command.definition()),
        _ => String::new(),
    }
}

fn options_of(command: &clap::Command) -> String {
    let mut options: Vec<&Arg> =
        command.get_arguments().filter(|arg| !arg.is_positional() && !arg.is_hide_set()).collect();
    options.sort_by_key(|arg| arg.get_long());
    let rows: Vec<(String, String)> = options.into_iter().map(|arg| (names_of(arg), help_of(arg))).collect();
    if rows.is_empty() {
        return String::new();
    }
    let width = rows.iter().map(|(names, _)| names.len()).max().unwrap_or(0);
    let mut text = String::from("\nOptions:\n");
    for (names, help) in rows {
        text.push_str(format!("{names:width$}   {help}").trim_end());
        text.push('\n');
    }
    text
}

fn names_of(arg: &Arg) -> String {
    let mut text = match arg.get_short() {
        Some(short) => format!("  -{short}, "),
        None => "      ".to_string(),
    };
    if let Some(long) = arg.get_long() {
        text.push_str(&format!("--{long}"));
    }
    if matches!(arg.get_action(), ArgAction::Set | ArgAction::Append) {
        let is_bool = arg.get_value_parser().type_id() == std::any::TypeId::of::<bool>();
        if !is_bool {
            let name =
                arg.get_value_names().and_then(|names| names.first()).map_or("string".into(), |name| name.to_string());
            text.push_str(&format!(" {name}"));
        }
    }
    text
}

fn help_of(arg: &Arg) -> String {
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let default = arg.get_default_values().first().and_then(|value| value.to_str()).filter(|value| !value.is_empty());
    match default {
        Some(default) if *default != *"false" && !help.contains("(default") => format!("{help} (default {default})"),
        _ => help,
    }
}
