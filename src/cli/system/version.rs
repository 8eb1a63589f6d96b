//! `version`

use crate::cli::output;
use crate::config::{Config, Program};
use crate::engine::system;
use anyhow::Result;
use serde_json::Value;

/// Display the version
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Go template, or json
    #[arg(short, long, value_name = "FORMAT")]
    format: Option<String>,
}

/// Runs the command.
pub fn run(args: &Args, config: &Config) -> Result<()> {
    let version = system::version(config.program);
    let value = serde_json::to_value(&version)?;
    match args.format.as_deref().map(str::trim) {
        None | Some("") => output::text(words(config.program, &value["Client"])),
        Some("json") => output::line(value),
        Some(format) => output::documents_of("version", &[value], Some(format)),
    }
}

fn words(program: Program, client: &Value) -> String {
    let text = |name: &str| client[name].as_str().unwrap_or_default().to_string();
    if program == Program::Docker {
        let mut out = String::new();
        for (title, indent) in [("Client: barge", ""), ("\nServer: barge\n Engine:", " ")] {
            out.push_str(&format!("{title}\n"));
            for (name, value) in [
                ("Version:", text("Version")),
                ("API version:", text("APIVersion")),
                ("Built:", text("BuiltTime")),
                ("OS/Arch:", text("OsArch")),
            ] {
                if value.is_empty() {
                    continue;
                }
                out.push_str(&format!(" {indent}{name:width$}{value}\n", width = 19 - indent.len()));
            }
        }
        return out;
    }
    let name = match program {
        Program::Podman => "Podman Engine",
        _ => "barge",
    };
    let mut out = String::new();
    for (title, value) in [
        ("Client:", name.to_string()),
        ("Version:", text("Version")),
        ("API Version:", text("APIVersion")),
        ("Go Version:", text("GoVersion")),
        ("Git Commit:", text("GitCommit")),
        ("Built:", text("BuiltTime")),
        ("OS/Arch:", text("OsArch")),
    ] {
        if !value.is_empty() {
            out.push_str(&format!("{title:13} {value}\n"));
        }
    }
    out
}
