//! `version`: needs no store.

use crate::config::Program;
use serde::Serialize;

/// What we are. Names as podman's JSON has them.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
#[allow(missing_docs)]
pub struct Version {
    pub client: Component,
    /// docker's templates ask for it; there is no server, so it says the same.
    pub server: Component,
}

/// One side.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
#[allow(missing_docs)]
pub struct Component {
    pub name: String,
    pub version: String,
    #[serde(rename = "APIVersion")]
    pub api_version: String,
    pub go_version: String,
    pub git_commit: String,
    pub built_time: String,
    pub built: i64,
    pub os_arch: String,
    pub os: String,
    pub arch: String,
}

/// The version, called by any name.
pub fn version(program: Program) -> Version {
    let platform = crate::model::platform::Platform::own();
    let component = Component {
        name: program.name().to_string(),
        version: env!("CARGO_PKG_VERSION").to_string(),
        api_version: env!("CARGO_PKG_VERSION").to_string(),
        // Scripts print it; there is no Go here.
        go_version: String::new(),
        git_commit: option_env!("BARGE_COMMIT").unwrap_or_default().to_string(),
        built_time: built().map(words).unwrap_or_default(),
        built: built().map_or(0, jiff::Timestamp::as_second),
        os_arch: format!("{}/{}", platform.os, platform.architecture),
        os: platform.os,
        arch: platform.architecture,
    };
    Version { client: component.clone(), server: component }
}

/// When the sources were last changed, as far as whoever built us told: `make build` does. The same sources make the same
/// program.
fn built() -> Option<jiff::Timestamp> {
    jiff::Timestamp::from_second(option_env!("SOURCE_DATE_EPOCH")?.parse().ok()?).ok()
}

/// As Go's `time.ANSIC`, like podman.
fn words(time: jiff::Timestamp) -> String {
    time.strftime("%a %b %e %H:%M:%S %Y").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_podmans_form() {
        let time = |seconds| words(jiff::Timestamp::from_second(seconds).unwrap());
        assert_eq!(time(0), "Thu Jan  1 00:00:00 1970");
        assert_eq!(time(1_795_283_565), "Sat Nov 21 17:52:45 2026");
    }
}
