//! What runs: environment, user, working directory, terminal, signals.

use super::Host;
use super::host::split;
use crate::cli::command::refuse;
use crate::config::Program;
use crate::fault::Fault;
use crate::model::container::ContainerSpec;
use crate::model::container::grammar::{parse_env_file, resolve_env};
use anyhow::Result;

/// The flags.
#[derive(Debug, Default, clap::Args)]
pub struct ProcessFlags {
    /// Run this instead of the image's entrypoint: a path, or a JSON array
    #[arg(long, value_name = "COMMAND")]
    entrypoint: Option<String>,
    /// Set a variable: NAME=VALUE, or NAME (or PREFIX*) from the environment
    #[arg(short, long, value_name = "NAME[=VALUE]")]
    env: Vec<String>,
    /// Read variables from a file
    #[arg(long, value_name = "FILE")]
    env_file: Vec<String>,
    /// Use all variables of the environment
    #[arg(long)]
    env_host: bool,
    /// Additional groups: names, ids, or keep-groups
    #[arg(long, value_name = "GROUP")]
    group_add: Vec<String>,
    /// Pass the proxy variables of the environment
    #[arg(long, default_value = "true", hide_default_value = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    http_proxy: Option<bool>,
    /// Run an init that forwards signals and reaps processes
    #[arg(long)]
    init: bool,
    /// Keep standard input open
    #[arg(short, long)]
    interactive: bool,
    /// Add entries to /etc/passwd and /etc/group
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", hide = true)]
    passwd: Option<bool>,
    /// Entry for /etc/passwd, with $USERNAME, $UID, $GID, $NAME, $HOME
    #[arg(long, value_name = "ENTRY")]
    passwd_entry: Option<String>,
    /// Pass so many descriptors from 3 on
    #[arg(long, value_name = "N", default_value_t = 0)]
    preserve_fds: u32,
    /// Signal that `stop` sends
    #[arg(long, value_name = "SIGNAL")]
    stop_signal: Option<String>,
    /// Seconds that `stop` waits before SIGKILL
    #[arg(long, value_name = "SECONDS")]
    stop_timeout: Option<u32>,
    /// Kill the container after so many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    timeout: u32,
    /// Allocate a terminal
    #[arg(short, long)]
    pub(super) tty: bool,
    /// Time zone, or local
    #[arg(long, value_name = "ZONE")]
    tz: Option<String>,
    /// File mode creation mask
    #[arg(long, value_name = "MODE")]
    umask: Option<String>,
    /// Drop a variable of the image
    #[arg(long, value_name = "NAME")]
    unsetenv: Vec<String>,
    /// Drop all variables of the image
    #[arg(long)]
    unsetenv_all: bool,
    /// User: name or uid, and group: USER[:GROUP]
    #[arg(short, long, value_name = "USER[:GROUP]")]
    user: Option<String>,
    /// Working directory
    #[arg(short, long, value_name = "DIR")]
    workdir: Option<String>,
}

/// The variables of `--http-proxy`.
const PROXIES: [&str; 8] =
    ["http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY"];

impl ProcessFlags {
    pub(super) fn apply(&self, spec: &mut ContainerSpec, host: &Host<'_>) -> Result<()> {
        let process = &mut spec.process;
        if self.passwd == Some(false) {
            return Err(refuse("--passwd=false", "not built").into());
        }
        process.entrypoint = self.entrypoint.as_deref().map(|text| entrypoint(text, host.program));
        process.env = self.environment(host)?;
        process.unset_env.clone_from(&self.unsetenv);
        process.unset_env_all = self.unsetenv_all;
        process.groups = split(&self.group_add)?;
        if process.groups.iter().any(|group| group == "keep-groups") && process.groups.len() > 1 {
            return Err(Fault::invalid(
                "the '--group-add keep-groups' option is not allowed with any other --group-add options",
            )
            .into());
        }
        process.init = self.init;
        process.interactive = self.interactive;
        process.terminal = self.tty;
        process.passwd_entry.clone_from(&self.passwd_entry);
        process.preserve_fds = self.preserve_fds;
        if let Some(signal) = &self.stop_signal {
            crate::engine::container::parse_signal(signal)?;
            process.stop_signal = Some(signal.clone());
        }
        process.stop_timeout = self.stop_timeout;
        process.timeout = self.timeout;
        process.timezone.clone_from(&self.tz);
        process.umask = self.umask.as_deref().map(umask).transpose()?;
        process.user = self.user.clone().filter(|user| !user.is_empty());
        if let Some(dir) = &self.workdir {
            if !dir.starts_with('/') {
                return Err(Fault::invalid(format!(
                    "the working directory '{dir}' is invalid, it needs to be an absolute path"
                ))
                .into());
            }
            process.working_dir = Some(dir.clone());
        }
        Ok(())
    }

    /// In the order in which later ones win: proxies, the host's, files, flags.
    fn environment(&self, host: &Host<'_>) -> Result<Vec<String>> {
        let lookup = |name: &str| host.variable(name);
        let all = || host.variables();
        let mut env = Vec::new();
        if self.http_proxy != Some(false) && host.program != Program::Docker {
            env.extend(PROXIES.iter().filter_map(|name| Some(format!("{name}={}", host.variable(name)?))));
        }
        if self.env_host {
            env.extend(all().into_iter().map(|(name, value)| format!("{name}={value}")));
        }
        let globs = host.program != Program::Docker;
        for path in host.list(&self.env_file)? {
            let text = host.read(&format!("parsing env file {path:?}"), &path)?;
            for line in parse_env_file(&text)? {
                env.extend(resolve_env(&line, globs, lookup, all)?);
            }
        }
        for text in &self.env {
            // podman takes an empty one for nothing at all.
            if text.is_empty() && host.program != Program::Docker {
                continue;
            }
            env.extend(resolve_env(text, globs, lookup, all)?);
        }
        Ok(last_wins(env))
    }
}

/// Of several with one name the last, in its place.
fn last_wins(env: Vec<String>) -> Vec<String> {
    let name = |pair: &str| pair.split('=').next().unwrap_or_default().to_string();
    let mut seen = std::collections::HashSet::new();
    let mut kept: Vec<String> = env.into_iter().rev().filter(|pair| seen.insert(name(pair))).collect();
    kept.reverse();
    kept
}

fn entrypoint(text: &str, program: Program) -> Vec<String> {
    if text.is_empty() {
        return Vec::new();
    }
    let list = (program != Program::Docker && text.starts_with('[')).then(|| serde_json::from_str::<Vec<String>>(text));
    if let Some(Ok(words)) = list {
        return words;
    }
    vec![text.to_string()]
}

fn umask(text: &str) -> Result<u32, Fault> {
    let digits = (1..=4).contains(&text.len()) && text.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
    match u32::from_str_radix(text, 8) {
        Ok(mode) if digits => Ok(mode),
        _ => Err(Fault::invalid(format!(
            "running container create option: invalid umask string {text}: invalid argument"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_grammars() {
        for (text, mode) in [
            ("22", Some(0o22)),
            ("0022", Some(0o22)),
            ("7777", Some(0o7777)),
            ("99", None),
            ("", None),
            ("00022", None),
        ] {
            assert_eq!(umask(text).ok(), mode, "{text:?}");
        }
        assert_eq!(entrypoint("", Program::Podman), Vec::<String>::new());
        assert_eq!(entrypoint("/bin/sh", Program::Podman), ["/bin/sh"]);
        assert_eq!(entrypoint("[\"a\",\"b c\"]", Program::Podman), ["a", "b c"]);
        assert_eq!(entrypoint("[x", Program::Podman), ["[x"]);
        assert_eq!(entrypoint("[\"a\"]", Program::Docker), ["[\"a\"]"]);
        let env = ["A=1", "B=2", "A=3"].map(String::from).to_vec();
        assert_eq!(last_wins(env), ["B=2", "A=3"]);
    }
}
