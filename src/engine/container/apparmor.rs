//! The AppArmor profile of containers for which nobody names one: as docker's, loaded when it is needed first.

use crate::model::container::Security;
use crate::sys::lsm::Lsm;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// Its name.
const NAME: &str = "barge-default";

/// Its text.
const PROFILE: &str = include_str!("../../../contrib/apparmor/barge-default");

/// What the kernel knows: a line each, `NAME (MODE)`. For the machine's root only.
const LOADED: &str = "/sys/kernel/security/apparmor/profiles";

/// The profile for a container that does not say: none where AppArmor is off, nobody can load profiles, or we are not
/// the machine's root (who alone may).
pub(super) fn default_profile(security: &Security, rootless: bool) -> Option<String> {
    if rootless || security.privileged || security.apparmor.is_some() || Lsm::current() != Some(Lsm::AppArmor) {
        return None;
    }
    if is_loaded(NAME) {
        return Some(NAME.into());
    }
    if !Path::new(LOADED).exists() {
        return None; // as in a container: what we load there would be for the whole machine
    }
    let parser =
        ["/usr/sbin/apparmor_parser", "/sbin/apparmor_parser"].into_iter().find(|path| Path::new(path).exists())?;
    match load(parser) {
        Ok(()) => Some(NAME.into()),
        Err(why) => {
            log::warn!("loading the AppArmor profile {NAME}: {why}; the container runs without");
            None
        }
    }
}

/// What `inspect` tells: what was asked for, else the default one where it is loaded.
pub(super) fn shown(security: &Security, rootless: bool) -> String {
    let default = || (!rootless && !security.privileged && is_loaded(NAME)).then(|| NAME.to_string());
    security.apparmor.clone().or_else(default).unwrap_or_default()
}

fn is_loaded(name: &str) -> bool {
    let text = std::fs::read_to_string(LOADED).unwrap_or_default();
    text.lines().any(|line| line.rsplit_once(" (").is_some_and(|(known, _)| known == name))
}

/// Replaces what may be there (another one was faster), and leaves no file: each boot loads it anew.
fn load(parser: &str) -> Result<(), String> {
    let mut child = Command::new(parser)
        .args(["--replace", "--skip-cache", "--quiet"])
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{parser}: {error}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        // That it reads nothing shows in its exit code.
        let _ = stdin.write_all(PROFILE.as_bytes());
    }
    let output = child.wait_with_output().map_err(|error| format!("{parser}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&output.stderr);
    Err(words.lines().last().unwrap_or("apparmor_parser failed").trim().to_string())
}
