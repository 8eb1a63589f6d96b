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
        git_commit: String::new(),
        built_time: "Thu Jan  1 00:00:00 1970".to_string(),
        built: 0,
        os_arch: format!("{}/{}", platform.os, platform.architecture),
        os: platform.os,
        arch: platform.architecture,
    };
    Version { client: component.clone(), server: component }
}
