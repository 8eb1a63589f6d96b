//! `__complete WORDS…`: the names that may stand for the last word. Called by the completion scripts, which know
//! commands and flags themselves.
//!
//! A shell waits for it: it never fails, and says nothing but names.

use super::command::{Found, find};
use super::{globals, logger, output};
use crate::config::{self, Program};
use crate::engine::Engine;
use crate::engine::container::{self, ListOptions};
use crate::engine::image::list as images;
use crate::model::lifecycle::Phase;
use anyhow::Result;
use clap::{Arg, ArgAction};
use std::ffi::OsString;

/// Runs the hidden command; `None` when `words` do not name it.
pub fn hidden(program: Program, words: &[OsString]) -> Option<u8> {
    let at = words.iter().position(|word| word == "__complete")?;
    // Global options may stand before it; anything else makes it a word of a command.
    if !matches!(globals::parse(program, &words[..at]), Ok((_, []))) {
        return None;
    }
    let words = [&words[..at], &words[at + 1..]].concat();
    let names = candidates(program, &words).unwrap_or_default();
    let lines: String = names.iter().map(|name| format!("{name}\n")).collect();
    let _ = output::text(lines);
    Some(0)
}

/// What a word of a command may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Names {
    Containers(Which),
    Images,
    Both,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    Any,
    Running,
    Paused,
    Stopped,
}

impl Which {
    fn holds(self, phase: Phase) -> bool {
        match self {
            Which::Any => true,
            Which::Running => phase == Phase::Running,
            Which::Paused => phase == Phase::Paused,
            Which::Stopped => matches!(phase, Phase::Created | Phase::Exited { .. }),
        }
    }
}

/// What the word after `before` others names.
fn wanted(path: &str, before: usize) -> Option<Names> {
    let (group, command) = path.split_once(' ').unwrap_or(("", path));
    let first = |names| (before == 0).then_some(names);
    match (group, command) {
        ("image", "exists" | "list" | "ls") | ("", "images") => first(Names::Images),
        ("image", "inspect" | "rm" | "remove") | ("", "rmi") => Some(Names::Images),
        ("", "inspect") => Some(Names::Both),
        (_, "history" | "tag" | "push" | "run" | "create") => first(Names::Images),
        (_, "save") => Some(Names::Images),
        ("image" | "system", _) => None,
        (_, "attach" | "exec" | "top") => first(Names::Containers(Which::Running)),
        (_, "kill" | "pause" | "stop") => Some(Names::Containers(Which::Running)),
        (_, "start") => Some(Names::Containers(Which::Stopped)),
        (_, "unpause") => Some(Names::Containers(Which::Paused)),
        (_, "exists" | "port" | "rename") => first(Names::Containers(Which::Any)),
        (_, "inspect" | "logs" | "restart" | "rm" | "remove" | "wait") => Some(Names::Containers(Which::Any)),
        _ => None,
    }
}

fn candidates(program: Program, words: &[OsString]) -> Result<Vec<String>> {
    let (flags, words) = globals::parse(program, words)?;
    let Found::Leaf(command, path, rest) = find(words) else { return Ok(Vec::new()) };
    let Some((current, before)) = rest.split_last() else { return Ok(Vec::new()) };
    let current = current.to_string_lossy();
    let given: Vec<String> = before.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let Some(given) = arguments(&command.definition(), &given) else { return Ok(Vec::new()) };
    let Some(names) = wanted(&path, given.len()) else { return Ok(Vec::new()) };
    logger::silence();
    let engine = Engine::open(config::read(&flags.for_config(program)?)?)?;
    let mut found = Vec::new();
    if let Names::Containers(wanted) = names {
        found = containers(&engine, wanted, &current)?;
    } else if names == Names::Both {
        found = containers(&engine, Which::Any, &current)?;
    }
    if matches!(names, Names::Images | Names::Both) {
        for image in images::list(&engine, &images::ListOptions::default())? {
            for name in &image.names {
                found.extend([name.familiar(), name.to_string()]);
            }
        }
    }
    found.retain(|name| name.starts_with(&*current) && !given.contains(name) && !name.contains(char::is_control));
    found.sort();
    found.dedup();
    // `alpine:3` and `docker.io/library/alpine:3` are one image: the long form only when it was begun.
    if found.iter().any(|name| !name.starts_with("docker.io/")) {
        found.retain(|name| !name.starts_with("docker.io/"));
    }
    Ok(found)
}

/// Names; ids only when no name begins so.
fn containers(engine: &Engine, wanted: Which, current: &str) -> Result<Vec<String>> {
    let listed = container::list(engine, &ListOptions { all: true, ..ListOptions::default() })?;
    let listed: Vec<_> = listed.into_iter().filter(|one| wanted.holds(one.phase)).collect();
    let names: Vec<String> = listed.iter().map(|one| one.name.clone()).collect();
    if current.is_empty() || names.iter().any(|name| name.starts_with(current)) {
        return Ok(names);
    }
    Ok(listed.iter().map(|one| one.id.short().to_string()).collect())
}

/// The words of a command line that are no flags and no flags' values; `None` when the next word is a flag's value.
fn arguments(command: &clap::Command, words: &[String]) -> Option<Vec<String>> {
    let mut arguments = Vec::new();
    let mut value_follows = false;
    let takes_value = |arg: &Arg| {
        matches!(arg.get_action(), ArgAction::Set | ArgAction::Append)
            && arg.get_num_args().is_none_or(|range| range.min_values() > 0)
    };
    let mut literal = false;
    for word in words {
        if std::mem::take(&mut value_follows) {
            continue;
        }
        match word.as_str() {
            word if literal || word == "-" || !word.starts_with('-') => arguments.push(word.to_string()),
            "--" => literal = true,
            word if word.contains('=') => {}
            word => {
                let arg = command.get_arguments().find(|arg| match word.strip_prefix("--") {
                    Some(long) => {
                        arg.get_long() == Some(long)
                            || arg.get_all_aliases().is_some_and(|aliases| aliases.contains(&long))
                    }
                    None => arg.get_short().is_some_and(|short| word.ends_with(short)),
                });
                value_follows = arg.is_some_and(takes_value);
            }
        }
    }
    (!value_follows).then_some(arguments)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_and_their_values_are_no_arguments() {
        let words: Vec<OsString> = vec!["run".into()];
        let Found::Leaf(command, ..) = find(&words) else { panic!("run is a command") };
        let definition = command.definition();
        for (line, expected) in [
            ("", Some(vec![])),
            ("-it", Some(vec![])),
            ("--name x", Some(vec![])),
            ("--name=x img", Some(vec!["img"])),
            ("-e A=b -v /a:/b --rm img", Some(vec!["img"])),
            ("--name", None),
            ("-it -e", None),
            ("--net host img", Some(vec!["img"])),
            ("-- -x", Some(vec!["-x"])),
        ] {
            let words: Vec<String> = line.split_whitespace().map(str::to_string).collect();
            let expected = expected.map(|words| words.into_iter().map(str::to_string).collect::<Vec<_>>());
            assert_eq!(arguments(&definition, &words), expected, "{line}");
        }
    }

    #[test]
    fn every_command_completes_what_it_acts_on() {
        assert_eq!(wanted("run", 0), Some(Names::Images));
        assert_eq!(wanted("run", 1), None);
        assert_eq!(wanted("rm", 3), Some(Names::Containers(Which::Any)));
        assert_eq!(wanted("image rm", 3), Some(Names::Images));
        assert_eq!(wanted("container exec", 0), Some(Names::Containers(Which::Running)));
        assert_eq!(wanted("inspect", 1), Some(Names::Both));
        assert_eq!(wanted("info", 0), None);
    }
}
