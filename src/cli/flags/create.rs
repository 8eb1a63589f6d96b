//! Everything that `run` and `create` share: all flags of a container, and the words after them.

use super::Host;
use super::host::split;
use super::logging::LogFlags;
use super::namespace::NamespaceFlags;
use super::process::ProcessFlags;
use super::registry::RegistryFlags;
use super::resources::ResourceFlags;
use super::security::SecurityFlags;
use super::storage::StorageFlags;
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
use anyhow::Result;
use std::path::PathBuf;

/// The flags.
#[derive(Debug, Default, clap::Args)]
pub struct CreateFlags {
    #[command(flatten)]
    process: ProcessFlags,
    #[command(flatten)]
    storage: StorageFlags,
    #[command(flatten)]
    namespace: NamespaceFlags,
    #[command(flatten)]
    resources: ResourceFlags,
    #[command(flatten)]
    security: SecurityFlags,
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
        self.process.apply(&mut spec, host)?;
        spec.process.command = command.to_vec();
        self.storage.apply(&mut spec, host)?;
        self.namespace.apply(&mut spec, host)?;
        self.resources.apply(&mut spec, host)?;
        self.security.apply(&mut spec, host)?;
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
            return Err(Fault::invalid(format!("rootfs {}: no such directory", path.display())).into());
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

    /// Refuses a `--cidfile` that exists; called before anything is made.
    pub fn check_id_file(&self) -> Result<()> {
        match &self.cidfile {
            Some(path) if path.exists() => Err(Fault::invalid(format!(
                "container id file exists. Ensure another container is not using it or delete {}",
                path.display()
            ))
            .into()),
            _ => Ok(()),
        }
    }

    /// Writes the `--cidfile`.
    pub fn write_id_file(&self, id: &crate::model::id::ContainerId) -> Result<()> {
        use std::io::Write as _;
        let Some(path) = &self.cidfile else { return Ok(()) };
        let write = || {
            let mut file = std::fs::OpenOptions::new().write(true).create_new(true).open(path)?;
            file.write_all(id.as_str().as_bytes())
        };
        write().map_err(|why: std::io::Error| {
            Fault::new(crate::fault::Kind::Unavailable, format!("writing container id file {}: {why}", path.display()))
                .into()
        })
    }
}

/// Our own argv, for `inspect`'s CreateCommand.
fn command_line() -> Vec<String> {
    let bytes = std::fs::read("/proc/self/cmdline").unwrap_or_default();
    let bytes = bytes.strip_suffix(b"\0").unwrap_or(&bytes);
    bytes.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect()
}
