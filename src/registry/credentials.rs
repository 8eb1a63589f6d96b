//! Credential helpers: `docker-credential-NAME get|store|erase`, JSON on standard input and output.

use crate::fault::{Fault, Kind};
use crate::model::credentials::Credentials;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::process::{Command, Stdio};

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    #[serde(rename = "ServerURL", default)]
    server_url: String,
    #[serde(default)]
    username: String,
    #[serde(default)]
    secret: String,
}

/// What the helper knows for `key`; `None`: nothing.
pub fn ask_helper(name: &str, key: &str) -> Result<Option<Credentials>> {
    match run(name, "get", key.as_bytes())? {
        Ok(output) => {
            let answer: Answer = serde_json::from_slice(&output).map_err(|_| {
                Fault::new(Kind::Unavailable, format!("credential helper {name}: its answer makes no sense"))
            })?;
            if answer.username.is_empty() && answer.secret.is_empty() {
                return Ok(None);
            }
            // The user name `<token>` says that the secret is a token for the token server.
            Ok(Some(match answer.username.as_str() {
                "<token>" => Credentials::Identity(answer.secret),
                _ => Credentials::Basic { user: answer.username, password: answer.secret },
            }))
        }
        Err(words) if words.contains("credentials not found") => Ok(None),
        Err(words) => Err(Fault::new(Kind::Unavailable, format!("credential helper {name}: {words}")).into()),
    }
}

/// Lets the helper keep user and password for `key`.
pub fn keep_in_helper(name: &str, key: &str, user: &str, password: &str) -> Result<()> {
    let request = Answer { server_url: key.into(), username: user.into(), secret: password.into() };
    match run(name, "store", &serde_json::to_vec(&request)?)? {
        Ok(_) => Ok(()),
        Err(words) => Err(Fault::new(Kind::Unavailable, format!("credential helper {name}: {words}")).into()),
    }
}

/// Lets the helper forget what it knows for `key`.
pub fn forget_in_helper(name: &str, key: &str) -> Result<()> {
    match run(name, "erase", key.as_bytes())? {
        Ok(_) => Ok(()),
        Err(words) if words.contains("credentials not found") => Ok(()),
        Err(words) => Err(Fault::new(Kind::Unavailable, format!("credential helper {name}: {words}")).into()),
    }
}

/// Runs a helper; its output, or the words with which it failed.
fn run(name: &str, verb: &str, input: &[u8]) -> Result<Result<Vec<u8>, String>> {
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')) {
        return Err(Fault::invalid(format!("credential helper {name:?}: not a name")).into());
    }
    let program = format!("docker-credential-{name}");
    let mut child = Command::new(&program)
        .arg(verb)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| Fault::new(Kind::Unavailable, format!("credential helper {program}: {error}")))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A helper that does not read what it is told is free to do so.
        let _ = stdin.write_all(input);
    }
    let output = child.wait_with_output().with_context(|| format!("waiting for {program}"))?;
    if output.status.success() {
        return Ok(Ok(output.stdout));
    }
    // Helpers print their errors to standard output.
    let words = [output.stdout, output.stderr].concat();
    let words = String::from_utf8_lossy(&words);
    Ok(Err(words
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(300)
        .collect::<String>()
        .trim()
        .to_string()))
}
