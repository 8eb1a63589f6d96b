//! The flags of `docker run` and `podman run` that are not built yet: each is refused by its name, none is ignored.
//!
//! Only those with a harmless value are in clap's definition: the fewer flags there are, the sooner a container starts.
//! The others are found when clap does not know them.

use crate::cli::command::{as_go_bool, refuse};
use crate::fault::Fault;
use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};

/// How one of them is written, which of its values ask for nothing (and are taken), and why the rest is refused.
struct Unbuilt {
    long: &'static str,
    short: Option<char>,
    takes_value: bool,
    harmless: &'static [&'static str],
    why: &'static str,
}

const fn value(long: &'static str, why: &'static str) -> Unbuilt {
    Unbuilt { long, short: None, takes_value: true, harmless: &[], why }
}

const fn switch(long: &'static str, why: &'static str) -> Unbuilt {
    Unbuilt { long, short: None, takes_value: false, harmless: &["false"], why }
}

const fn except(long: &'static str, harmless: &'static [&'static str], why: &'static str) -> Unbuilt {
    Unbuilt { long, short: None, takes_value: true, harmless, why }
}

const HEALTH: &str = "health checks are not built";
const PODS: &str = "pods are not built";
const WINDOWS: &str = "for Windows only";
const NOT_BUILT: &str = "not built";

const UNBUILT: &[Unbuilt] = &[
    value("chrootdirs", NOT_BUILT),
    value("cpu-count", WINDOWS),
    value("cpu-percent", WINDOWS),
    value("decryption-key", "encrypted images are not built"),
    value("env-merge", NOT_BUILT),
    value("gpus", "use --device with the device files of the GPU"),
    value("group-entry", NOT_BUILT),
    value("health-cmd", HEALTH),
    value("health-interval", HEALTH),
    value("health-log-destination", HEALTH),
    value("health-max-log-count", HEALTH),
    value("health-max-log-size", HEALTH),
    value("health-on-failure", HEALTH),
    value("health-retries", HEALTH),
    value("health-start-interval", HEALTH),
    value("health-start-period", HEALTH),
    value("health-startup-cmd", HEALTH),
    value("health-startup-interval", HEALTH),
    value("health-startup-retries", HEALTH),
    value("health-startup-success", HEALTH),
    value("health-startup-timeout", HEALTH),
    value("health-timeout", HEALTH),
    value("hosts-file", NOT_BUILT),
    value("hostuser", NOT_BUILT),
    except("image-volume", &["", "bind", "anonymous"], "an image's volumes are directories of the container"),
    value("init-path", "the init is built in: use --init"),
    value("io-maxbandwidth", WINDOWS),
    value("io-maxiops", WINDOWS),
    except("isolation", &["", "default"], WINDOWS),
    value("link-local-ip", NOT_BUILT),
    value("personality", NOT_BUILT),
    value("pod", PODS),
    value("pod-id-file", PODS),
    value("preserve-fd", "use --preserve-fds"),
    value("rdt-class", NOT_BUILT),
    value("requires", NOT_BUILT),
    switch("rmi", NOT_BUILT),
    value("runtime", "barge is its own OCI runtime"),
    except("sdnotify", &["ignore"], "only --sdnotify=ignore is built"),
    except("seccomp-policy", &["", "default"], "use --security-opt seccomp=PROFILE"),
    value("secret", "secrets are not built"),
    value("shm-size-systemd", "systemd mode is not built"),
    value("storage-opt", "quotas of the root file system are not built"),
    except("systemd", &["false"], "systemd mode is not built"),
    switch("use-api-socket", "barge has no API socket yet"),
    value("volume-driver", "named volumes are not built"),
    value("volumes-from", "volumes are not built"),
];

/// Flags that ask for what is so anyway: taken, and nothing comes of them.
const NOTHING: [&str; 1] = ["no-healthcheck"];

fn defined() -> impl Iterator<Item = &'static Unbuilt> {
    UNBUILT.iter().filter(|flag| !flag.harmless.is_empty())
}

/// What to say of a flag that clap does not know (`--publish`, `-p`), when it is one of these.
pub fn refusal(flag: &str) -> Option<Fault> {
    let name = flag.split('=').next().unwrap_or(flag);
    let known = UNBUILT.iter().find(|unbuilt| match name.strip_prefix("--") {
        Some(long) => unbuilt.long == long,
        None => unbuilt.short.is_some_and(|short| name.strip_prefix('-') == Some(short.encode_utf8(&mut [0; 4]))),
    })?;
    Some(refuse(&format!("--{}", known.long), known.why))
}

/// Adds those that may ask for nothing, hidden, and refuses them when they ask for something.
#[derive(Debug, Default)]
pub struct UnbuiltFlags;

impl Args for UnbuiltFlags {
    fn augment_args(mut command: Command) -> Command {
        for flag in defined() {
            let mut arg = Arg::new(flag.long).long(flag.long).hide(true);
            if let Some(short) = flag.short {
                arg = arg.short(short);
            }
            command = command.arg(if flag.takes_value {
                arg.action(ArgAction::Append).allow_hyphen_values(true)
            } else {
                as_go_bool(arg)
            });
        }
        for name in NOTHING {
            command = command.arg(as_go_bool(Arg::new(name).long(name).hide(true)));
        }
        command
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for UnbuiltFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        for flag in defined() {
            let given: Vec<String> = match flag.takes_value {
                true => matches.get_many::<String>(flag.long).map(|all| all.cloned().collect()).unwrap_or_default(),
                false => matches.get_one::<bool>(flag.long).map(ToString::to_string).into_iter().collect(),
            };
            if given.iter().any(|value| !flag.harmless.contains(&value.as_str())) {
                return Err(clap::Error::raw(ErrorKind::InvalidValue, refuse(&format!("--{}", flag.long), flag.why)));
            }
        }
        Ok(UnbuiltFlags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        Self::from_arg_matches(matches).map(|_| ())
    }
}
