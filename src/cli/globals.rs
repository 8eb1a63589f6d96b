//! The options that stand before the command (and, as with podman, may stand after it).

use super::command::{context, refuse};
use super::error::Usage;
use crate::config::{Config, Globals, Program};
use crate::fault::Fault;
use anyhow::{Context as _, Result};
use clap::error::ContextKind;
use clap::{Arg, ArgAction, ArgMatches};
use std::ffi::OsString;
use std::path::PathBuf;

/// What was given.
#[derive(Debug, Default)]
pub struct Flags {
    /// `--help`, `-h`
    pub help: bool,
    /// `--version`, `-v`
    pub version: bool,
    /// `--log-level`
    pub log_level: Option<String>,
    root: Option<PathBuf>,
    runroot: Option<PathBuf>,
    tmpdir: Option<PathBuf>,
    storage_driver: Option<String>,
    cgroup_manager: Option<String>,
    config: Option<PathBuf>,
    out: Option<PathBuf>,
    no_out: bool,
}

/// How a global option is written, and what becomes of it.
struct Global {
    long: &'static str,
    short: Option<char>,
    value: Option<&'static str>,
    help: &'static str,
    /// Why it is refused; empty: it works.
    refused: &'static str,
}

const fn works(long: &'static str, value: Option<&'static str>, help: &'static str) -> Global {
    Global { long, short: None, value, help, refused: "" }
}

const fn refused(long: &'static str, value: Option<&'static str>, why: &'static str) -> Global {
    Global { long, short: None, value, help: "", refused: why }
}

const REMOTE: &str = "barge has no remote service; everything runs in the command itself";
const NETWORKS: &str = "networks other than none, host, container: and ns: are not built";

const GLOBALS: &[Global] = &[
    works("cgroup-manager", Some("NAME"), "Who makes cgroups: cgroupfs or systemd"),
    works("config", Some("DIR"), "Directory of docker's config.json"),
    works("log-level", Some("LEVEL"), "Log messages above this level: trace, debug, info, warn, error, fatal, panic"),
    works("noout", None, "Write nothing to standard output"),
    works("out", Some("FILE"), "Send standard output to a file"),
    works("root", Some("DIR"), "Where images and containers are kept"),
    works("runroot", Some("DIR"), "Where the state of this boot is kept"),
    works("storage-driver", Some("NAME"), "How layers are kept: overlay or vfs"),
    works("tmpdir", Some("DIR"), "For large temporary files"),
    refused("cdi-spec-dir", Some("DIR"), "CDI devices are not built"),
    refused("conmon", Some("PATH"), "barge is its own monitor"),
    refused("connection", Some("NAME"), REMOTE),
    refused("context", Some("NAME"), REMOTE),
    refused("events-backend", Some("NAME"), "events are not built"),
    refused("hooks-dir", Some("DIR"), "OCI hooks are not built"),
    refused("host", Some("URL"), REMOTE),
    refused("identity", Some("FILE"), REMOTE),
    refused("imagestore", Some("DIR"), "a second image store is not built"),
    refused("module", Some("FILE"), "containers.conf modules are not built"),
    refused("namespace", Some("NAME"), "separate views of one store are not built; use --root"),
    refused("network-cmd-path", Some("PATH"), NETWORKS),
    refused("network-config-dir", Some("DIR"), NETWORKS),
    refused("remote", None, REMOTE),
    refused("runtime", Some("PATH"), "barge is its own OCI runtime"),
    refused("runtime-flag", Some("FLAG"), "barge is its own OCI runtime"),
    refused("ssh", Some("MODE"), REMOTE),
    refused("storage-opt", Some("KEY=VALUE"), "no options of storage drivers are built"),
    refused("syslog", None, "logging to syslog is not built"),
    refused("tls", None, REMOTE),
    refused("tlscacert", Some("FILE"), REMOTE),
    refused("tlscert", Some("FILE"), REMOTE),
    refused("tlskey", Some("FILE"), REMOTE),
    refused("tlsverify", None, REMOTE),
    refused("url", Some("URL"), REMOTE),
    refused("volumepath", Some("DIR"), "named volumes are not built"),
];

impl Global {
    fn arg(&self, short: Option<char>) -> Arg {
        let mut arg = Arg::new(self.id()).long(self.long).help(self.help).hide(!self.refused.is_empty());
        if let Some(short) = short.or(self.short) {
            arg = arg.short(short);
        }
        match self.value {
            Some(name) => arg.value_name(name).action(ArgAction::Append).allow_hyphen_values(true),
            None => super::command::as_go_bool(arg),
        }
    }

    /// Not the long name alone: a command may have an option of the same name.
    fn id(&self) -> String {
        format!("global-{}", self.long)
    }
}

/// The program's own options, for its help and man page.
pub fn definition(command: clap::Command, program: Program) -> clap::Command {
    let mut command = command;
    for global in GLOBALS {
        // docker and podman spell some of them with a letter.
        let short = match (program, global.long) {
            (Program::Docker, "host") => Some('H'),
            (Program::Docker, "context") => Some('c'),
            (Program::Docker, "log-level") => Some('l'),
            (Program::Barge | Program::Podman, "connection") => Some('c'),
            (Program::Barge | Program::Podman, "remote") => Some('r'),
            _ => None,
        };
        command = command.arg(global.arg(short));
    }
    let flag = |id: &'static str, short: char, help: &'static str| {
        Arg::new(id).long(id).short(short).help(help).action(ArgAction::SetTrue)
    };
    command = command.arg(flag("debug", 'D', "Same as --log-level=debug"));
    command.arg(flag("help", 'h', "Print usage")).arg(flag("version", 'v', "Print the version"))
}

/// Splits off the options before the command.
pub fn parse(program: Program, words: &[OsString]) -> Result<(Flags, &[OsString])> {
    let mut flags = Flags::default();
    // The usual case costs nothing.
    if words.first().is_none_or(|word| !word.as_encoded_bytes().starts_with(b"-")) {
        return Ok((flags, words));
    }
    if let Some(rest) = flags.take_plain(words) {
        return Ok((flags, rest));
    }
    flags = Flags::default();
    const REST: &str = "command and arguments";
    let mut command = definition(clap::Command::new("barge"), program)
        .disable_help_flag(true)
        .disable_version_flag(true)
        .no_binary_name(true)
        .args_override_self(true)
        .arg(Arg::new(REST).index(1).num_args(0..).trailing_var_arg(true).value_parser(clap::value_parser!(OsString)));
    let matches = match command.try_get_matches_from_mut(words) {
        Ok(matches) => matches,
        Err(error) => return Err(Usage::from_clap(program, "", &error, &command, words).into()),
    };
    flags.help = matches.get_flag("help");
    flags.version = matches.get_flag("version");
    if matches.get_flag("debug") {
        flags.log_level = Some("debug".into());
    }
    flags.merge(&matches)?;
    let rest = matches.get_raw(REST).map_or(0, Iterator::count);
    Ok((flags, &words[words.len() - rest..]))
}

/// Whether one of `words` may be a global option: the cheap question before the dear answer.
pub fn are_among(words: &[OsString]) -> bool {
    words.iter().filter_map(|word| word.to_str()?.strip_prefix("--")).any(|word| {
        let name = word.split('=').next().unwrap_or(word);
        GLOBALS.iter().any(|global| global.long == name)
    })
}

/// Adds the global options that a command has no option of the same name for.
pub fn add_to(command: clap::Command) -> clap::Command {
    let missing: Vec<&Global> = GLOBALS
        .iter()
        .filter(|global| {
            !command.get_arguments().any(|arg| {
                arg.get_long() == Some(global.long)
                    || arg.get_all_aliases().is_some_and(|aliases| aliases.contains(&global.long))
            })
        })
        .collect();
    command.args(missing.into_iter().map(|global| global.arg(None).hide(true)))
}

impl Flags {
    /// Takes options off the beginning of `words` as long as they are plain: a long name that works, and a value. `None`:
    /// something else is there, and clap must look at it. To build its definition of all options takes longer than to
    /// start it all, and scripts give `--root` with every command.
    fn take_plain<'a>(&mut self, mut words: &'a [OsString]) -> Option<&'a [OsString]> {
        while let [word, rest @ ..] = words {
            let word = word.to_str()?;
            if !word.starts_with('-') {
                break;
            }
            let name = word.strip_prefix("--")?;
            let (name, value, rest) = match name.split_once('=') {
                Some((name, value)) => (name, value, rest),
                None => (name, rest.first()?.to_str()?, &rest[1..]),
            };
            let is_plain = |global: &Global| global.long == name && global.value.is_some() && global.refused.is_empty();
            if value.is_empty() || !GLOBALS.iter().any(is_plain) {
                return None;
            }
            self.set(name, Some(value.into())).ok()?;
            words = rest;
        }
        Some(words)
    }

    fn set(&mut self, long: &str, value: Option<String>) -> Result<()> {
        match long {
            "root" => self.root = value.map(Into::into),
            "runroot" => self.runroot = value.map(Into::into),
            "tmpdir" => self.tmpdir = value.map(Into::into),
            "storage-driver" => self.storage_driver = value,
            "cgroup-manager" => self.cgroup_manager = value,
            "config" => self.config = value.map(Into::into),
            "log-level" => self.log_level = value,
            "out" => self.out = value.map(Into::into),
            "noout" => self.no_out = true,
            other => return Err(Fault::unsupported(format!("--{other}: not supported")).into()),
        }
        Ok(())
    }

    /// Takes over what was given after the command.
    pub fn merge(&mut self, matches: &ArgMatches) -> Result<()> {
        for global in GLOBALS {
            let id = global.id();
            // A flag given as `--flag=false` asks for nothing.
            let given = match global.value {
                Some(_) => matches.try_get_raw(&id).is_ok_and(|values| values.is_some()),
                None => matches.try_get_one::<bool>(&id).is_ok_and(|value| value == Some(&true)),
            };
            if !given {
                continue;
            }
            if !global.refused.is_empty() {
                return Err(refuse(&format!("--{}", global.long), global.refused).into());
            }
            let values: Vec<String> = match global.value {
                Some(_) => matches.get_many::<String>(&id).map(|all| all.cloned().collect()).unwrap_or_default(),
                None => Vec::new(),
            };
            self.set(global.long, values.last().cloned())?;
        }
        Ok(())
    }

    /// What the configuration wants to know of it.
    pub fn for_config(&self, program: Program) -> Result<Globals> {
        Ok(Globals {
            program,
            root: absolute(self.root.clone())?,
            runroot: absolute(self.runroot.clone())?,
            tmpdir: absolute(self.tmpdir.clone())?,
            storage_driver: self.storage_driver.clone(),
            cgroup_manager: self.cgroup_manager.clone(),
            config: absolute(self.config.clone())?,
            ..Globals::default()
        })
    }

    /// Variables that ask for what is not built.
    pub fn check_environment(config: &Config) -> Result<()> {
        let name = match config.program {
            Program::Docker => "DOCKER_HOST",
            Program::Barge | Program::Podman => "CONTAINER_HOST",
        };
        match config.environment.filled(name) {
            Some(_) => Err(refuse(&format!("environment variable {name}"), REMOTE).into()),
            None => Ok(()),
        }
    }

    /// `--out` and `--noout`.
    pub fn redirect_output(&self) -> Result<()> {
        let path = match (&self.out, self.no_out) {
            (Some(path), _) => path.clone(),
            (None, true) => PathBuf::from("/dev/null"),
            (None, false) => return Ok(()),
        };
        let file = std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .open(&path)
            .with_context(|| format!("--out {}", path.display()))?;
        nix::unistd::dup2_stdout(&file).context("--out")?;
        Ok(())
    }
}

fn absolute(path: Option<PathBuf>) -> Result<Option<PathBuf>> {
    path.map(|path| std::path::absolute(&path).with_context(|| format!("{}", path.display()))).transpose()
}

/// The flag that a clap error is about, without its value name.
pub(super) fn flag_of(error: &clap::Error) -> String {
    context(error, ContextKind::InvalidArg).split([' ', '=', '[']).next().unwrap_or_default().to_string()
}
