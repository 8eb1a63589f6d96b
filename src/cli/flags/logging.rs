//! Where its output goes.

use super::Host;
use super::host::split;
use crate::cli::command::refuse;
use crate::config::Program;
use crate::fault::Fault;
use crate::model::container::grammar::key_value;
use crate::model::container::{ContainerSpec, LogDriver};
use crate::model::size::ByteSize;
use anyhow::Result;

/// The flags.
#[derive(Debug, Default, clap::Args)]
pub struct LogFlags {
    /// Log driver: json-file, k8s-file, none, passthrough
    #[arg(long, value_name = "DRIVER")]
    log_driver: Option<String>,
    /// Option of the log driver: max-size=…, max-file=…, tag=…, labels=…, env=…
    #[arg(long, value_name = "KEY=VALUE")]
    log_opt: Vec<String>,
}

impl LogFlags {
    pub(super) fn apply(&self, spec: &mut ContainerSpec, host: &Host<'_>) -> Result<()> {
        spec.log.driver = self.log_driver.as_deref().map(driver).transpose()?.flatten();
        let options = if host.program == Program::Docker { self.log_opt.clone() } else { split(&self.log_opt)? };
        for text in options {
            let (key, value) =
                key_value(&text).ok_or_else(|| Fault::invalid(format!("invalid log option {text:?}")))?;
            match key {
                "max-size" => {
                    if value != "-1" {
                        value.parse::<ByteSize>()?;
                    }
                }
                "max-file" => match value.parse::<u32>() {
                    Ok(1..) => {}
                    _ => {
                        return Err(
                            Fault::invalid(format!("log option max-file: {value:?} is not a positive number")).into()
                        );
                    }
                },
                "tag" | "path" | "labels" | "env" => {}
                _ => {
                    return Err(refuse(
                        &format!("--log-opt {key}"),
                        "only max-size, max-file, path, tag, labels and env are built",
                    )
                    .into());
                }
            }
            spec.log.options.insert(key.into(), value.into());
        }
        Ok(())
    }
}

/// `None`: the engine's default.
fn driver(text: &str) -> Result<Option<LogDriver>, Fault> {
    Ok(Some(match text {
        "" => return Ok(None),
        "json-file" => LogDriver::JsonFile,
        "k8s-file" => LogDriver::K8sFile,
        "none" => LogDriver::None,
        "passthrough" => LogDriver::Passthrough,
        "journald" | "syslog" | "fluentd" | "gelf" | "local" | "awslogs" | "splunk" | "gcplogs" | "etwlogs"
        | "passthrough-tty" => {
            return Err(refuse(
                &format!("--log-driver {text}"),
                "only json-file, k8s-file, none and passthrough are built",
            ));
        }
        _ => return Err(Fault::invalid("running container create option: invalid log driver: invalid argument")),
    }))
}
