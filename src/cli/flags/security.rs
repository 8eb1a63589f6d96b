//! What it may do: capabilities, seccomp, labels.

use super::Host;
use super::host::split;
use crate::fault::Fault;
use crate::model::container::grammar::{SecurityOption, normalize_capability, parse_security_option};
use crate::model::container::{ContainerSpec, SeccompProfile};
use anyhow::Result;

/// The flags.
#[derive(Debug, Default, clap::Args)]
pub struct SecurityFlags {
    /// Add a capability, or all
    #[arg(long, value_name = "CAPABILITY")]
    cap_add: Vec<String>,
    /// Drop a capability, or all
    #[arg(long, value_name = "CAPABILITY")]
    cap_drop: Vec<String>,
    /// All capabilities and devices, nothing masked
    #[arg(long)]
    privileged: bool,
    /// no-new-privileges, seccomp=…, socketcall=deny, apparmor=…, label=…, mask=…, unmask=…, proc-opts=…
    #[arg(long, value_name = "OPTION")]
    security_opt: Vec<String>,
}

impl SecurityFlags {
    pub(super) fn apply(&self, spec: &mut ContainerSpec, host: &Host<'_>) -> Result<()> {
        let security = &mut spec.security;
        let names = |texts: &[String]| -> Result<Vec<String>, Fault> {
            split(texts)?.iter().map(|text| normalize_capability(text)).collect()
        };
        security.cap_add = names(&self.cap_add)?;
        security.cap_drop = names(&self.cap_drop)?;
        if let Some(both) = security.cap_add.iter().find(|name| *name != "ALL" && security.cap_drop.contains(name)) {
            return Err(Fault::invalid(format!("capability {both:?} cannot be dropped and added")).into());
        }
        security.privileged = self.privileged;
        for (index, text) in self.security_opt.iter().enumerate() {
            match parse_security_option(text, index + 1)? {
                SecurityOption::NoNewPrivileges(yes) => security.no_new_privileges = Some(yes),
                SecurityOption::DenySocketcall(yes) => security.deny_socketcall = yes,
                SecurityOption::SeccompDefault => security.seccomp = SeccompProfile::Default,
                SecurityOption::SeccompUnconfined => security.seccomp = SeccompProfile::Unconfined,
                SecurityOption::SeccompFile(path) => {
                    let text = host.read("opening seccomp profile failed", &path)?;
                    serde_json::from_str::<serde_json::Value>(&text)
                        .map_err(|why| Fault::invalid(format!("loading seccomp profile ({path}) failed: {why}")))?;
                    security.seccomp = SeccompProfile::Json(text);
                }
                SecurityOption::AppArmor(profile) => security.apparmor = Some(profile),
                SecurityOption::LabelDisable => security.label.disable = true,
                SecurityOption::LabelUser(user) => security.label.user = Some(user),
                SecurityOption::LabelRole(role) => security.label.role = Some(role),
                SecurityOption::LabelType(kind) => security.label.kind = Some(kind),
                SecurityOption::LabelLevel(level) => security.label.level = Some(level),
                SecurityOption::Mask(paths) => security.mask.extend(paths),
                SecurityOption::Unmask(paths) => security.unmask.extend(paths),
                SecurityOption::ProcOptions(options) => security.proc_options.extend(options),
            }
        }
        if security.deny_socketcall && (security.privileged || security.seccomp != SeccompProfile::Default) {
            return Err(Fault::invalid("socketcall=deny goes with the built-in seccomp profile only").into());
        }
        Ok(())
    }
}
