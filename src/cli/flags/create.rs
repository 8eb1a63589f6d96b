//! Everything that `run` and `create` share: all flags of a container, and the words after them.

use super::Host;
use super::confinement::ConfinementFlags;
use super::host::split;
use super::logging::LogFlags;
use super::registry::RegistryFlags;
use super::unbuilt::UnbuiltFlags;
use crate::cli::command::refuse;
use crate::cli::error::Usage;
use crate::config::Program;
use crate::engine::container::CreateOptions;
use crate::engine::image::pull::PullOptions;
use crate::fault::Fault;
use crate::model::container::grammar::{key_value, parse_label_file};
use crate::model::container::{ContainerSpec, ImageSource, PullPolicy, RestartPolicy};
use crate::model::platform::Platform;
use anyhow::{Context, Result};
use std::path::PathBuf;

/// The flags.
#[derive(Debug, Default, clap::Args)]
pub struct CreateFlags {
    #[command(flatten)]
    confinement: ConfinementFlags,
    #[command(flatten)]
    log: LogFlags,
    #[command(flatten)]
    registry: RegistryFlags,
    #[command(flatten)]
    unbuilt: UnbuiltFlags,
    /// Annotation: KEY=VALUE
    #[arg(long, value_name = "KEY=VALUE")]
    annotation: Vec<String>,
    /// Architecture of the image
    #[arg(long, value_name = "ARCH")]
    arch: Option<String>,
    /// Attach to these streams only: stdin, stdout, stderr
    #[arg(short, long, value_name = "STREAM")]
    attach: Vec<String>,
    /// Write the container's ID to a file
    #[arg(long, value_name = "FILE")]
    cidfile: Option<PathBuf>,
    /// Write the pid of the container's monitor to a file
    #[arg(long, value_name = "FILE")]
    conmon_pidfile: Option<PathBuf>,
    /// Label: KEY=VALUE
    #[arg(short, long, value_name = "KEY=VALUE")]
    label: Vec<String>,
    /// Read labels from a file
    #[arg(long, value_name = "FILE")]
    label_file: Vec<String>,
    /// Name
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Operating system of the image
    #[arg(long, value_name = "OS")]
    os: Option<String>,
    /// Write the pid of the container's first process to a file
    #[arg(long, value_name = "FILE")]
    pidfile: Option<PathBuf>,
    /// Platform of the image: OS/ARCH[/VARIANT]
    #[arg(long, value_name = "PLATFORM")]
    platform: Option<String>,
    /// When to pull the image: always, missing, never, newer
    #[arg(long, value_name = "POLICY")]
    pull: Option<String>,
    /// Don't show the progress of a pull
    #[arg(short, long)]
    pub quiet: bool,
    /// Remove a container of the same name first
    #[arg(long)]
    replace: bool,
    /// When to start it again: no
    #[arg(long, value_name = "POLICY")]
    restart: Option<String>,
    /// Remove the container when it ends
    #[arg(long)]
    rm: bool,
    /// The first argument is a directory, not an image; DIR:O: changes are thrown away
    #[arg(long)]
    rootfs: bool,
    /// Variant of the image's architecture
    #[arg(long, value_name = "VARIANT")]
    variant: Option<String>,
    /// Image, command, arguments
    #[arg(trailing_var_arg = true, value_name = "IMAGE [COMMAND [ARG...]]")]
    words: Vec<String>,
}

/// The streams that `--attach` names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Streams {
    pub stdin: bool,
    pub stdout: bool,
    pub stderr: bool,
}

impl CreateFlags {
    /// The one description. Reads the files that flags name, nothing else.
    pub fn spec(&self, host: &Host<'_>) -> Result<ContainerSpec> {
        let Some((first, command)) = self.words.split_first() else {
            return Err(Usage::new("requires at least 1 arg(s), only received 0").into());
        };
        let mut spec = ContainerSpec { image: self.image(first, host)?, ..ContainerSpec::default() };
        self.confinement.apply(&mut spec, host)?;
        spec.process.command = command.to_vec();
        self.log.apply(&mut spec, host)?;
        let _ = &self.unbuilt;
        spec.name = match self.name.as_deref() {
            None | Some("") => None,
            Some(name) => Some(
                name.strip_prefix('/')
                    .unwrap_or(name)
                    .parse()
                    .map_err(|why| Fault::invalid(format!("running container create option: {why}")))?,
            ),
        };
        if self.replace && spec.name.is_none() {
            return Err(Fault::invalid("cannot replace container without --name being set").into());
        }
        spec.platform = self.platform()?;
        spec.pull = self.pull_policy()?;
        spec.remove = self.rm;
        spec.restart = self.restart_policy()?;
        let annotations =
            if host.program == Program::Docker { self.annotation.clone() } else { split(&self.annotation)? };
        for text in annotations {
            let (key, value) =
                key_value(&text).ok_or_else(|| Fault::invalid("annotations must be formatted KEY=VALUE"))?;
            spec.annotations.insert(key.into(), value.into());
        }
        for path in host.list(&self.label_file)? {
            let text = host.read(&format!("parsing label file {path:?}"), &path)?;
            for line in parse_label_file(&text)? {
                let (key, value) = line.split_once('=').unwrap_or((&line, ""));
                spec.labels.insert(key.into(), value.into());
            }
        }
        for text in &self.label {
            let (key, value) = text.split_once('=').unwrap_or((text, ""));
            if key.is_empty() {
                return Err(Fault::invalid(format!("unable to process labels: invalid label format: {text:?}")).into());
            }
            spec.labels.insert(key.into(), value.into());
        }
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| host.absolute(path)).transpose();
        spec.pid_file = path(&self.pidfile)?;
        spec.monitor_pid_file = path(&self.conmon_pidfile)?;
        spec.create_command = command_line();
        Ok(spec)
    }

    fn image(&self, first: &str, host: &Host<'_>) -> Result<ImageSource> {
        if !self.rootfs {
            if first.is_empty() {
                return Err(Fault::invalid("invalid reference format").into());
            }
            return Ok(ImageSource::Image(first.to_string()));
        }
        let (path, overlay) = match first.rsplit_once(':') {
            Some((path, "O")) => (path, true),
            Some((_, option @ "idmap")) => return Err(refuse(&format!("--rootfs DIR:{option}"), "not built").into()),
            Some((_, option)) if option.starts_with("idmap=") || option.starts_with("O,") => {
                return Err(refuse(&format!("--rootfs DIR:{option}"), "not built").into());
            }
            _ => (first, false),
        };
        let path = host.absolute(path)?;
        if !path.is_dir() {
            let why = if path.exists() { "not a directory" } else { "no such directory" };
            return Err(Fault::invalid(format!("rootfs {}: {why}", path.display())).into());
        }
        Ok(ImageSource::Rootfs { path, overlay })
    }

    fn platform(&self) -> Result<Option<Platform>> {
        let parts = [&self.os, &self.arch, &self.variant];
        let given = parts.iter().any(|part| part.is_some());
        match &self.platform {
            Some(_) if given => {
                Err(Fault::invalid("--platform option can not be specified with --arch or --os").into())
            }
            Some(text) => Ok(Some(text.parse()?)),
            None if !given => Ok(None),
            None => {
                let [os, arch, variant] = parts;
                let own = Platform::own();
                let mut text =
                    format!("{}/{}", os.as_deref().unwrap_or(&own.os), arch.as_deref().unwrap_or(&own.architecture));
                if let Some(variant) = variant {
                    text.push('/');
                    text.push_str(variant);
                }
                Ok(Some(text.parse()?))
            }
        }
    }

    fn pull_policy(&self) -> Result<PullPolicy> {
        Ok(match self.pull.as_deref().map(str::to_ascii_lowercase).as_deref() {
            None | Some("" | "missing" | "ifmissing" | "ifnotpresent" | "false") => PullPolicy::Missing,
            Some("always" | "true") => PullPolicy::Always,
            Some("never") => PullPolicy::Never,
            Some("newer" | "ifnewer") => PullPolicy::Newer,
            Some(other) => return Err(Fault::invalid(format!("unsupported pull policy {other:?}")).into()),
        })
    }

    fn restart_policy(&self) -> Result<RestartPolicy> {
        let policy = self.restart.as_deref().unwrap_or_default();
        let (word, retries) = policy.split_once(':').map_or((policy, None), |(word, retries)| (word, Some(retries)));
        let valid = match word {
            "" | "no" => retries.is_none(),
            "always" | "unless-stopped" => retries.is_none(),
            "on-failure" => retries.is_none_or(|retries| retries.parse::<u32>().is_ok()),
            _ => false,
        };
        if !valid {
            return Err(Fault::invalid(format!(
                "running container create option: {policy:?} is not a valid restart policy: invalid argument"
            ))
            .into());
        }
        if matches!(word, "" | "no") {
            return Ok(RestartPolicy::No);
        }
        if self.rm {
            return Err(Fault::invalid(
                "the --rm option conflicts with --restart, when the restartPolicy is not \"\" and \"no\"",
            )
            .into());
        }
        Err(refuse(&format!("--restart {policy}"), "only --restart=no is built").into())
    }

    /// `--attach`; `None` when it was not given.
    pub fn streams(&self) -> Result<Option<Streams>> {
        if self.attach.is_empty() {
            return Ok(None);
        }
        let mut streams = Streams::default();
        for text in split(&self.attach)? {
            match text.to_ascii_lowercase().as_str() {
                "stdin" => streams.stdin = true,
                "stdout" => streams.stdout = true,
                "stderr" => streams.stderr = true,
                _ => {
                    return Err(Fault::invalid(format!(
                        "invalid stream {text:?} for --attach - must be one of stdin, stdout, or stderr: invalid argument"
                    ))
                    .into());
                }
            }
        }
        Ok(Some(streams))
    }

    /// Everything about making it that is not the container's own.
    pub fn options(&self) -> Result<CreateOptions> {
        let pull = PullOptions { access: self.registry.access()?, ..PullOptions::default() };
        Ok(CreateOptions { replace: self.replace, pull })
    }

    /// Makes the `--cidfile`, before anything else is made: refuses one that exists, or that can't be.
    pub fn open_id_file(&self) -> Result<Option<IdFile>> {
        let Some(path) = &self.cidfile else { return Ok(None) };
        match std::fs::OpenOptions::new().write(true).create_new(true).open(path) {
            Ok(file) => Ok(Some(IdFile { path: path.clone(), file, written: false })),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Err(Fault::invalid(format!(
                "container id file exists. Ensure another container is not using it or delete {}",
                path.display()
            ))
            .into()),
            Err(why) => {
                let what = format!(
                    "opening cidfile {}: {}",
                    path.display(),
                    crate::cli::error::without_numbers(&why.to_string())
                );
                Err(Fault::new(crate::fault::Kind::Unavailable, what).into())
            }
        }
    }
}

/// The `--cidfile`, which goes again unless it gets its id.
#[derive(Debug)]
pub struct IdFile {
    path: PathBuf,
    file: std::fs::File,
    written: bool,
}

impl IdFile {
    /// Writes the id into it.
    pub fn write(mut self, id: &crate::model::id::ContainerId) -> Result<()> {
        use std::io::Write as _;
        self.file
            .write_all(id.as_str().as_bytes())
            .with_context(|| format!("writing container id file {}", self.path.display()))?;
        self.written = true;
        Ok(())
    }
}

impl Drop for IdFile {
    fn drop(&mut self) {
        if !self.written {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Our own argv, for `inspect`'s CreateCommand.
fn command_line() -> Vec<String> {
    let bytes = std::fs::read("/proc/self/cmdline").unwrap_or_default();
    let bytes = bytes.strip_suffix(b"\0").unwrap_or(&bytes);
    bytes.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::environment::Caller;
    use crate::config::{Config, Environment, Globals};
    use clap::{Args as _, FromArgMatches as _};
    use serde_json::{Value, json};

    fn config(program: Program) -> Config {
        let environment = Environment::from([("HOME", "/home/ann"), ("SET", "yes"), ("http_proxy", "http://proxy")]);
        let globals = Globals { program, ..Globals::default() };
        crate::config::resolve::resolve(&globals, environment, Caller::default(), Default::default()).unwrap()
    }

    fn spec(program: Program, line: &str) -> Result<ContainerSpec, String> {
        let empty = clap::Command::new("create").disable_help_flag(true).no_binary_name(true);
        let mut command = crate::cli::command::as_pflag(CreateFlags::augment_args(empty));
        let words = line.split(' ').filter(|word| !word.is_empty()).map(|word| word.replace('+', " "));
        let matches = command.try_get_matches_from_mut(words).map_err(|error| error.to_string())?;
        let flags = CreateFlags::from_arg_matches(&matches).map_err(|error| error.to_string())?;
        flags.spec(&Host::new(&config(program))).map_err(|error| format!("{error:#}"))
    }

    /// Every flag writes its own field: the line → what stands at a place of the description. `+` is a blank.
    #[test]
    fn flags_write_the_description() {
        for (line, place, value) in [
            ("img", "/image", json!({"Image": "img"})),
            ("img a -b --c", "/process/command", json!(["a", "-b", "--c"])),
            ("--name web img", "/name", json!("web")),
            ("--name /web img", "/name", json!("web")),
            ("-it img", "/process/terminal", json!(true)),
            ("-ti img", "/process/interactive", json!(true)),
            ("--tty=false img", "/process/terminal", json!(false)),
            ("--entrypoint /bin/sh img", "/process/entrypoint", json!(["/bin/sh"])),
            ("--entrypoint= img", "/process/entrypoint", json!([])),
            ("--entrypoint [\"a\",\"b\"] img", "/process/entrypoint", json!(["a", "b"])),
            ("-e A=1 -e B=2 -e A=3 --http-proxy=false img", "/process/env", json!(["B=2", "A=3"])),
            ("-e SET -e UNSET -e S* --http-proxy=false img", "/process/env", json!(["SET=yes"])),
            ("img", "/process/env", json!(["http_proxy=http://proxy"])),
            ("--unsetenv A --unsetenv B img", "/process/unset_env", json!(["A", "B"])),
            ("--unsetenv-all img", "/process/unset_env_all", json!(true)),
            ("-w /x img", "/process/working_dir", json!("/x")),
            ("-u 1:2 img", "/process/user", json!("1:2")),
            ("--group-add a,b --group-add c img", "/process/groups", json!(["a", "b", "c"])),
            ("--init img", "/process/init", json!(true)),
            ("--stop-timeout 5 img", "/process/stop_timeout", json!(5)),
            ("--timeout 7 img", "/process/timeout", json!(7)),
            ("--umask 0077 img", "/process/umask", json!(0o77)),
            ("--tz Europe/Berlin img", "/process/timezone", json!("Europe/Berlin")),
            ("--preserve-fds 2 img", "/process/preserve_fds", json!(2)),
            ("-h box img", "/hostname", json!("box")),
            ("--hostname box img", "/hostname", json!("box")),
            ("--net host img", "/namespaces/network", json!("Host")),
            ("--network=none img", "/namespaces/network", json!("None")),
            ("--network container:x img", "/namespaces/network", json!({"Container": "x"})),
            ("--pid host img", "/namespaces/pid", json!("Host")),
            ("--ipc shareable img", "/namespaces/ipc", json!("Private")),
            ("--uts ns:/x img", "/namespaces/uts", json!({"Path": "/x"})),
            ("--cgroupns host img", "/namespaces/cgroup", json!("Host")),
            ("--userns keep-id img", "/namespaces/user", json!({"KeepId": {"uid": null, "gid": null}})),
            ("--uidmap 0:1000:5 img", "/namespaces/user/Map/gids", json!([{"inside": 0, "outside": 1000, "count": 5}])),
            ("--add-host a:1.2.3.4 img", "/extra_hosts", json!(["a:1.2.3.4"])),
            ("--no-hosts img", "/no_hosts", json!(true)),
            ("-v /a:/b:ro img", "/mounts/0/read_only", json!(true)),
            ("-v /a:/b:rslave img", "/mounts/0/options", json!(["rslave"])),
            ("-v /a:/b img", "/mounts/0/create_source", json!(true)),
            ("--mount type=bind,src=/,dst=/b img", "/mounts/0/create_source", json!(false)),
            ("--tmpfs /t:size=1m img", "/mounts/0/options", json!(["size=1m"])),
            ("-v /v img", "/mounts/0/kind", json!("anonymous")),
            ("--shm-size 1m img", "/shm_size", json!(1 << 20)),
            ("--read-only img", "/security/read_only", json!(true)),
            ("--read-only-tmpfs=false img", "/security/read_only_tmpfs", json!(false)),
            ("--device /dev/null:/dev/x:r img", "/devices/0/permissions", json!("r")),
            ("--device-cgroup-rule c+1:3+rwm img", "/device_rules", json!(["c 1:3 rwm"])),
            ("--cap-add net_admin,CHOWN img", "/security/cap_add", json!(["CAP_NET_ADMIN", "CAP_CHOWN"])),
            ("--cap-drop all img", "/security/cap_drop", json!(["ALL"])),
            ("--privileged img", "/security/privileged", json!(true)),
            ("--security-opt no-new-privileges img", "/security/no_new_privileges", json!(true)),
            ("--security-opt no-new-privileges=false img", "/security/no_new_privileges", json!(false)),
            ("--security-opt socketcall=deny img", "/security/deny_socketcall", json!(true)),
            ("--security-opt seccomp=unconfined img", "/security/seccomp", json!("Unconfined")),
            ("--security-opt mask=/a:/b img", "/security/mask", json!(["/a", "/b"])),
            ("-m 64m img", "/resources/memory", json!(64 << 20)),
            ("-m 64m --memory-swap -1 img", "/resources/memory_swap", json!(-1)),
            ("--memory-swappiness -1 img", "/resources/memory_swappiness", Value::Null),
            ("--cpus 1.5 img", "/resources/nano_cpus", json!(1_500_000_000)),
            ("-c 512 img", "/resources/cpu_shares", json!(512)),
            ("--cpu-quota -1 img", "/resources/cpu_quota", json!(-1)),
            ("--cpuset-cpus 0-1 img", "/resources/cpuset_cpus", json!("0-1")),
            ("--pids-limit 0 img", "/resources/pids_limit", json!(-1)),
            ("--blkio-weight 100 img", "/resources/blkio_weight", json!(100)),
            ("--device-read-bps /dev/sda:1mb img", "/resources/device_read_bps/0/rate", json!(1 << 20)),
            ("--oom-score-adj -5 img", "/resources/oom_score_adj", json!(-5)),
            ("--ulimit nofile=1:2 img", "/resources/ulimits/nofile", json!({"soft": 1, "hard": 2})),
            ("--cgroup-parent /x img", "/resources/cgroup_parent", json!("/x")),
            ("--cgroup-conf memory.high=1 img", "/resources/unified", json!({"memory.high": "1"})),
            ("--cgroups disabled img", "/resources/no_cgroup", json!(true)),
            ("--sysctl net.ipv4.ip_forward=1 img", "/sysctls", json!({"net.ipv4.ip_forward": "1"})),
            ("--log-driver none img", "/log/driver", json!("none")),
            ("--log-opt max-size=1m,max-file=2 img", "/log/options", json!({"max-size": "1m", "max-file": "2"})),
            ("-l a=b --label c img", "/labels", json!({"a": "b", "c": ""})),
            ("--annotation a=b img", "/annotations", json!({"a": "b"})),
            ("--rm img", "/remove", json!(true)),
            ("--rm=false img", "/remove", json!(false)),
            ("--pull never img", "/pull", json!("never")),
            ("--platform linux/arm64 img", "/platform/architecture", json!("arm64")),
            ("--arch x86_64 img", "/platform/architecture", json!("amd64")),
            ("--pidfile /p img", "/pid_file", json!("/p")),
            ("--conmon-pidfile /p img", "/monitor_pid_file", json!("/p")),
            ("--rootfs /", "/image/Rootfs", json!({"path": "/", "overlay": false})),
            ("--rootfs /:O sh", "/image/Rootfs", json!({"path": "/", "overlay": true})),
        ] {
            let spec = spec(Program::Podman, line).unwrap_or_else(|error| panic!("{line}: {error}"));
            let written = serde_json::to_value(&spec).unwrap();
            assert_eq!(written.pointer(place).unwrap_or(&nothing(&value)), &value, "{line}: {place}");
        }
    }

    /// What a field that is not written down stands for.
    fn nothing(like: &serde_json::Value) -> serde_json::Value {
        match like {
            serde_json::Value::Bool(_) => json!(false),
            serde_json::Value::Array(_) => json!([]),
            serde_json::Value::Object(_) => json!({}),
            _ => json!(null),
        }
    }

    /// As docker, lists are not cut at commas, nor variables taken by their beginning.
    #[test]
    fn docker_takes_some_values_as_they_are() {
        for (line, place, value) in [
            ("--annotation a=b,c img", "/annotations", json!({"a": "b,c"})),
            ("-e S* img", "/process/env", json!([])),
            ("img", "/process/env", json!([])),
            ("--entrypoint [\"a\"] img", "/process/entrypoint", json!(["[\"a\"]"])),
        ] {
            let spec = spec(Program::Docker, line).unwrap_or_else(|error| panic!("{line}: {error}"));
            let written = serde_json::to_value(&spec).unwrap();
            assert_eq!(written.pointer(place).unwrap_or(&nothing(&value)), &value, "{line}: {place}");
        }
    }

    #[test]
    fn contradictions_are_refused() {
        for (line, words) in [
            ("", "requires at least 1 arg(s), only received 0"),
            ("--replace img", "cannot replace container without --name being set"),
            ("--restart always --rm img", "the --rm option conflicts with --restart"),
            ("--privileged --security-opt socketcall=deny img", "goes with the built-in seccomp profile only"),
            ("--restart always img", "--restart always: not supported yet"),
            ("--userns host --uidmap 0:1:1 img", "mutually exclusive"),
            ("--no-hosts --add-host a:1.2.3.4 img", "--no-hosts and --add-host cannot be set together"),
            ("--cap-add chown --cap-drop chown img", "cannot be dropped and added"),
            ("--group-add keep-groups,x img", "keep-groups"),
            ("--platform linux/arm64 --arch arm64 img", "--platform option can not be specified with --arch or --os"),
            ("--workdir x img", "it needs to be an absolute path"),
            ("--rootfs /nosuch", "no such directory"),
            ("-v /a:/b --tmpfs /b img", "/b: duplicate mount destination"),
        ] {
            let error = spec(Program::Podman, line).expect_err(line);
            assert!(error.contains(words), "{line}: {error}");
        }
    }
}
