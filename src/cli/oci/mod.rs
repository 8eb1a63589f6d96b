//! `oci …`: the runtime alone, with runc's commands, options, words and exit codes, for engines that bring their own
//! bundles. The same when the program is called `runc`, `crun` or `barge-oci`.

pub mod create;
pub mod delete;
pub mod events;
pub mod exec;
pub mod features;
pub mod kill;
pub mod list;
pub mod pause;
pub mod ps;
mod relay;
pub mod resume;
pub mod run;
pub mod spec;
pub mod start;
pub mod state;
pub mod update;

use super::OCI;
use super::command::{Arity, Command, Kind, Run, as_pflag};
use super::{help, output};
use crate::config::{Environment, Program};
use crate::fault::{Fault, Kind as FaultKind};
use crate::runtime::container::StateRoot;
use anyhow::{Context, Result};
use clap::ArgMatches;
use clap::error::ErrorKind;
use std::ffi::{OsStr, OsString};
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// The options that stand before a command.
#[derive(Debug, Clone, Default)]
pub struct Globals {
    root: Option<PathBuf>,
    log: Option<PathBuf>,
    json: bool,
    debug: bool,
    environment: Environment,
    argv: Vec<OsString>,
}

impl Globals {
    /// Makes us run from a read-only copy of our own mount before anything of a container can see us: what it finds as
    /// our program can't be written to. Does not return when that has to be changed.
    pub fn seal(&self) -> Result<()> {
        let variables = self.environment.strings();
        crate::sys::seal::run_sealed(&self.argv, &variables).context("running from a read-only copy of our program")
    }

    /// Where containers are kept.
    pub fn containers(&self) -> StateRoot {
        StateRoot::at(self.root.clone().unwrap_or_else(|| default_root(&self.environment)))
    }

    /// So many descriptors from 3 on for the container, with those that systemd says it passes.
    fn preserved(&self, asked: u32) -> Result<(Vec<std::os::fd::OwnedFd>, u32)> {
        let listen = self.environment.filled("LISTEN_FDS").and_then(|number| number.parse::<u32>().ok()).unwrap_or(0);
        let count = asked + listen;
        let take = |number: u32| {
            crate::sys::fd::duplicate_inherited(number as i32)
                .map_err(|_| Fault::invalid(format!("unable to preserve descriptor {number}: it is not open")))
        };
        let fds: Result<Vec<_>, Fault> = (3..3 + count).map(take).collect();
        Ok((fds?, listen))
    }
}

/// An ordinary user's, or root's in a user namespace, are their own.
fn default_root(environment: &Environment) -> PathBuf {
    let whole = |map: &str| map.split_whitespace().eq(["0", "0", "4294967295"]);
    let system =
        nix::unistd::geteuid().is_root() && std::fs::read_to_string("/proc/self/uid_map").is_ok_and(|map| whole(&map));
    match environment.path("XDG_RUNTIME_DIR") {
        Some(dir) if !system => dir.join("barge/oci"),
        _ => PathBuf::from("/run/barge/oci"),
    }
}

/// Names under which the program is a runtime only.
const NAMES: [&str; 3] = ["runc", "crun", "barge-oci"];

/// The words behind `oci`, or all of them when the program is called as a runtime.
pub fn is_asked_for(argv: &[OsString]) -> Option<&[OsString]> {
    let name = argv.first().map(Path::new).and_then(Path::file_name);
    if name.is_some_and(|name| NAMES.iter().any(|known| name == *known)) {
        return argv.get(1..);
    }
    argv.get(1).filter(|word| *word == "oci").and_then(|_| argv.get(2..))
}

/// The whole command line behind `oci`; returns the exit code.
pub fn main(argv: &[OsString], words: &[OsString]) -> u8 {
    let mut globals = Globals { environment: Environment::snapshot(), argv: argv.to_vec(), ..Globals::default() };
    let result = globals.parse(words).and_then(|rest| {
        super::logger::start_for_runtime(globals.debug);
        dispatch(rest, &globals)
    });
    match result {
        Ok(()) => 0,
        Err(error) => globals.report(&error),
    }
}

fn dispatch(words: &[OsString], globals: &Globals) -> Result<()> {
    let Some((name, rest)) = words.split_first() else {
        return help::print_group(Program::Barge, "oci", OCI);
    };
    if name == "help" || name == "--help" || name == "-h" {
        return help::print_group(Program::Barge, "oci", OCI);
    }
    if name == "--version" || name == "-v" {
        return output::text(format!("barge version {}\nspec: {SPEC}\n", env!("CARGO_PKG_VERSION")));
    }
    if name == "checkpoint" || name == "restore" {
        return Err(Fault::unsupported(format!("{}: not built", name.to_string_lossy())).into());
    }
    let command = OCI
        .iter()
        .find(|command| name == command.name)
        .ok_or_else(|| Fault::invalid(format!("no such command: {}; see --help", name.to_string_lossy())))?;
    let Kind::Leaf { define, run: Run::Runtime(run) } = &command.kind else { return Ok(()) };
    match parse(command, *define, rest)? {
        Some(matches) => run(&matches, globals),
        None => help::print_command(Program::Barge, &format!("oci {}", command.name), &command.definition()),
    }
}

/// The runtime spec's version that is built.
pub const SPEC: &str = "1.2.1";

/// `None`: help was asked for.
fn parse(
    command: &Command,
    define: fn(clap::Command) -> clap::Command,
    words: &[OsString],
) -> Result<Option<ArgMatches>> {
    let defined = define(clap::Command::new(command.name).disable_help_flag(true).disable_version_flag(true));
    let arity = Arity::of(&defined);
    let defined = as_pflag(defined).no_binary_name(true);
    let longs: Vec<String> = defined.get_arguments().filter_map(|arg| arg.get_long().map(str::to_string)).collect();
    let words = with_two_hyphens(words, &longs);
    match defined.try_get_matches_from(words) {
        Ok(matches) => {
            arity.check(Program::Barge, &format!("oci {}", command.name), &matches)?;
            Ok(Some(matches))
        }
        Err(error) if error.kind() == ErrorKind::DisplayHelp => Ok(None),
        Err(error) => {
            let text = error.render().to_string();
            let first = text.lines().next().unwrap_or_default();
            Err(Fault::invalid(first.trim_start_matches("error: ")).into())
        }
    }
}

/// Go's flags have one hyphen or two, as you like.
fn with_two_hyphens(words: &[OsString], longs: &[String]) -> Vec<OsString> {
    let mut words = words.to_vec();
    for word in &mut words {
        let Some(text) = word.to_str() else { break };
        let Some(name) = text.strip_prefix('-').filter(|name| !name.starts_with('-')) else { continue };
        let bare = name.split('=').next().unwrap_or_default();
        if bare.len() > 1 && longs.iter().any(|long| long == bare) {
            *word = format!("-{text}").into();
        }
    }
    words
}

impl Globals {
    /// Takes the options before the command; returns the command and what follows.
    fn parse<'a>(&mut self, mut words: &'a [OsString]) -> Result<&'a [OsString]> {
        while let Some((word, rest)) = words.split_first() {
            let text = word.to_string_lossy();
            let Some(option) = text.strip_prefix("--").or_else(|| text.strip_prefix('-')) else { break };
            let (name, given) = match option.split_once('=') {
                Some((name, value)) => (name, Some(OsString::from(value))),
                None => (option, None),
            };
            words = rest;
            let truth = || given.as_deref().is_none_or(|value| value != "false" && value != "0");
            match name {
                "help" | "h" | "version" | "v" => return Ok(std::slice::from_ref(word)),
                "debug" => self.debug = truth(),
                "systemd-cgroup" if !truth() => {}
                "systemd-cgroup" => {
                    return Err(Fault::unsupported("--systemd-cgroup: cgroups made by systemd are not built").into());
                }
                "root" | "log" | "log-format" | "log-level" | "rootless" | "criu" | "cgroup-manager" => {
                    let value = match given {
                        Some(value) => value,
                        None => {
                            let (value, rest) = words
                                .split_first()
                                .ok_or_else(|| Fault::invalid(format!("flag needs an argument: --{name}")))?;
                            words = rest;
                            value.clone()
                        }
                    };
                    self.set(name, &value)?;
                }
                _ => return Err(Fault::invalid(format!("flag provided but not defined: -{name}")).into()),
            }
        }
        Ok(words)
    }

    fn set(&mut self, name: &str, value: &OsStr) -> Result<()> {
        let text = value.to_string_lossy();
        match (name, &*text) {
            ("root", _) => self.root = Some(std::path::absolute(value).context("--root")?),
            ("log", "") => self.log = None,
            ("log", _) => self.log = Some(value.into()),
            ("log-format", "json") => self.json = true,
            ("log-format", "text" | "") => self.json = false,
            ("log-format", other) => return Err(Fault::invalid(format!("invalid log-format: {other}")).into()),
            ("log-level", level) => self.debug = matches!(level, "debug" | "trace"),
            // Whether we are rootless is found out; both words are taken.
            ("rootless", "true" | "false" | "auto" | "1" | "0") | ("criu", _) | ("cgroup-manager", "cgroupfs") => {}
            ("cgroup-manager", "disabled") => {
                return Err(Fault::unsupported("--cgroup-manager disabled: not built").into());
            }
            (name, other) => return Err(Fault::unsupported(format!("--{name}: invalid value {other:?}")).into()),
        }
        Ok(())
    }

    /// Tells of a failure where it is looked for; returns the exit code.
    fn report(&self, error: &anyhow::Error) -> u8 {
        if error.is::<output::Closed>() {
            return 0;
        }
        let code = match Fault::of(error).map(|fault| fault.kind) {
            Some(FaultKind::Exit(code)) => return code,
            _ if error.downcast_ref::<FromExec>().is_some() => 255,
            _ => 1,
        };
        let words = words(error);
        let time = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let line = if self.json {
            serde_json::json!({"level": "error", "msg": words, "time": time}).to_string()
        } else {
            format!("time=\"{time}\" level=error msg={words:?}")
        };
        match &self.log {
            None => output::note(line),
            Some(path) => {
                let file = OpenOptions::new().append(true).create(true).open(path);
                let _ = file.and_then(|mut file| writeln!(file, "{line}"));
                output::note(words);
            }
        }
        code
    }
}

/// An error of `exec`, which leaves with 255 so that it is not taken for the process's own end.
#[derive(Debug)]
pub struct FromExec;

impl std::fmt::Display for FromExec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("exec failed")
    }
}

/// One line, without what the engine adds for podman's users.
fn words(error: &anyhow::Error) -> String {
    let text = output::one_line(&format!("{error:#}"));
    let text = text.replace("crun: ", "");
    for tail in
        ["OCI runtime attempted to invoke a command that was not found", "OCI permission denied", "OCI runtime error"]
    {
        if let Some(text) = text.strip_suffix(tail).and_then(|text| text.strip_suffix(": ")) {
            return as_runc_says(text);
        }
    }
    text
}

/// A program that can't be run, in the words that engines look for, letter by letter.
fn as_runc_says(text: &str) -> String {
    let said = |name: &str, why: &str| format!("unable to start container process: exec: {name:?}: {why}");
    let parts: Vec<&str> = text.splitn(3, '`').collect();
    let [before, name, after] = parts.as_slice() else { return text.to_string() };
    let start = before.rfind("exec").or_else(|| before.rfind("open exec")).unwrap_or(before.len());
    let context = before[..start].trim_end_matches("open ").trim_end_matches(": ");
    let why = after.trim_start_matches(": ").trim().to_lowercase();
    let line = match why.as_str() {
        _ if why.starts_with("not found") && !name.contains('/') => said(name, "executable file not found in $PATH"),
        _ if why.starts_with("not found") => said(name, &format!("stat {name}: no such file or directory")),
        why => said(name, why),
    };
    if context.is_empty() { line } else { format!("{context}: {line}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn os(line: &str) -> Vec<OsString> {
        line.split_whitespace().map(Into::into).collect()
    }

    #[test]
    fn a_runtime_is_known_by_its_name_or_its_first_word() {
        for (line, rest) in [
            ("/usr/bin/runc create x", Some("create x")),
            ("crun", Some("")),
            ("barge-oci kill x", Some("kill x")),
            ("barge oci run x", Some("run x")),
            ("barge run oci", None),
            ("docker run x", None),
        ] {
            assert_eq!(is_asked_for(&os(line)).map(<[_]>::to_vec), rest.map(os), "{line}");
        }
    }

    #[test]
    fn options_before_the_command_are_runcs() {
        let mut globals = Globals::default();
        let words = os("--root /x -log=/l --log-format json --debug create --root y");
        assert_eq!(globals.parse(&words).unwrap(), os("create --root y"));
        assert_eq!((globals.root, globals.log), (Some("/x".into()), Some("/l".into())));
        assert!(globals.json && globals.debug);
        for line in ["--nosuch x", "--log-format=xml x", "--root"] {
            assert!(Globals::default().parse(&os(line)).is_err(), "{line}");
        }
    }

    #[test]
    fn one_hyphen_is_as_good_as_two() {
        let longs = ["bundle".to_string(), "detach".to_string()];
        let words = with_two_hyphens(&os("-bundle=/x -d -detach id -x"), &longs);
        assert_eq!(words, os("--bundle=/x -d --detach id -x"));
    }

    #[test]
    fn words_are_the_runtimes_own() {
        let said = |what: &str| words(&Fault::invalid(what).into());
        let text = "crun: executable file `x` not found in $PATH: No such file or directory: \
                    OCI runtime attempted to invoke a command that was not found";
        let runc = "unable to start container process: exec:";
        assert_eq!(said(text), format!("{runc} \"x\": executable file not found in $PATH"));
        let text = text.replace("`x`", "`/x`");
        assert_eq!(said(&text), format!("{runc} \"/x\": stat /x: no such file or directory"));
        let denied = "exec failed: crun: open executable `x`: Permission denied: OCI permission denied";
        assert_eq!(said(denied), format!("exec failed: {runc} \"x\": permission denied"));
        let format = "crun: exec `x`: Exec format error: OCI runtime error";
        assert_eq!(said(format), format!("{runc} \"x\": exec format error"));
        assert_eq!(said("anything"), "anything");
    }
}
