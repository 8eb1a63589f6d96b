//! `login`

use crate::cli::output;
use crate::cli::terminal::prompt;
use crate::config::{Config, Program, registries};
use crate::engine::image::access::Access;
use crate::engine::image::login;
use crate::fault::{Fault, Kind};
use anyhow::{Context as _, Result};
use std::io::{BufRead as _, IsTerminal as _, Read as _};
use std::path::PathBuf;

/// Log in to a container registry
///
/// Tries user name and password at the registry and keeps them in the authentication file, or in the credential
/// helper that the file names.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The registry (docker.io by default)
    #[arg(value_name = "REGISTRY")]
    registry: Option<String>,
    /// Path of the authentication file [env: REGISTRY_AUTH_FILE]
    #[arg(long, value_name = "PATH")]
    authfile: Option<PathBuf>,
    /// Directory with the certificates and keys to use with the registry
    #[arg(long, value_name = "DIR")]
    cert_dir: Option<PathBuf>,
    /// Write an authentication file in Docker's place and format
    #[arg(long, value_name = "PATH")]
    compat_auth_file: Option<PathBuf>,
    /// Print the user that is logged in to the registry
    #[arg(long)]
    get_login: bool,
    /// Password
    #[arg(short, long, value_name = "PASSWORD")]
    password: Option<String>,
    /// Take the password from the standard input
    #[arg(long)]
    password_stdin: bool,
    /// Require HTTPS and verify certificates when contacting registries
    #[arg(long, value_name = "BOOL")]
    tls_verify: Option<bool>,
    /// User name
    #[arg(short, long, value_name = "USER")]
    username: Option<String>,
    /// Write more detailed information
    #[arg(short, long)]
    verbose: bool,
}

/// Runs the command.
pub fn run(args: &Args, config: &Config) -> Result<()> {
    let docker = config.program == Program::Docker;
    let registry = registry(args.registry.as_deref(), config)?;
    let access = Access {
        tls_verify: args.tls_verify,
        authfile: args.compat_auth_file.clone().or_else(|| args.authfile.clone()),
        cert_dir: args.cert_dir.clone(),
        ..Access::default()
    };
    if args.get_login {
        let user = login::user(config, &registry, &access)?;
        let user = user.ok_or_else(|| Fault::not_found(format!("not logged into {registry}")))?;
        return output::line(user);
    }
    if args.password_stdin && args.password.is_some() {
        return Err(Fault::invalid("Can't specify both --password-stdin and --password").into());
    }
    if args.password_stdin && args.username.is_none() {
        return Err(Fault::invalid("Must provide --username with --password-stdin").into());
    }
    if docker && args.password.is_some() {
        output::note("WARNING! Using --password via the CLI is insecure. Use --password-stdin.");
    }
    let (user, password) = credentials(args, docker)?;
    let path = login::login(config, &registry, &user, &password, &access)
        .map_err(|error| if docker { as_docker_says(&registry, error) } else { error })?;
    if docker {
        output::note(format!(
            "WARNING! Your credentials are stored unencrypted in '{}'.\nConfigure a credential helper to remove this warning. See\nhttps://docs.docker.com/go/credential-store/\n",
            path.display()
        ));
        return output::line("Login Succeeded");
    }
    if args.verbose {
        output::line(format!("Used:  {}", path.display()))?;
    }
    output::line("Login Succeeded!")
}

/// The registry that was named, or the first one that short names are looked for in.
pub(super) fn registry(given: Option<&str>, config: &Config) -> Result<String> {
    Ok(match given {
        Some(registry) => registry.to_string(),
        None if config.program == Program::Docker => "docker.io".into(),
        None => registries::read(config)?.unqualified.into_iter().next().unwrap_or_else(|| "docker.io".into()),
    })
}

fn credentials(args: &Args, docker: bool) -> Result<(String, String)> {
    let can_ask = std::io::stdin().is_terminal();
    let asks = args.username.is_none() || (args.password.is_none() && !args.password_stdin);
    if docker && asks && !can_ask {
        return Err(Fault::invalid("Error: Cannot perform an interactive login from a non TTY device").into());
    }
    let user = match &args.username {
        Some(user) => user.clone(),
        None if can_ask => prompt::ask("Username: ")?,
        // podman takes a user name from a pipe, but never a password.
        None => {
            let mut line = String::new();
            let read = std::io::stdin().lock().take(64 << 10).read_line(&mut line).context("reading the user name")?;
            if read == 0 {
                return Err(Fault::invalid("getting username and password: reading username: EOF").into());
            }
            line.trim().to_string()
        }
    };
    let password = if args.password_stdin {
        let mut text = String::new();
        // A password is short; whatever is longer is a mistake.
        std::io::stdin().lock().take(64 << 10).read_to_string(&mut text).context("reading the password")?;
        text.trim_end_matches(['\r', '\n']).to_string()
    } else {
        match &args.password {
            Some(password) => password.clone(),
            None if can_ask => prompt::secret("Password: ")?,
            None => {
                let why = "getting username and password: reading password: inappropriate ioctl for device";
                return Err(Fault::invalid(why).into());
            }
        }
    };
    if user.is_empty() || password.is_empty() {
        return Err(Fault::invalid("username and password can't be empty").into());
    }
    if user.contains(':') {
        return Err(Fault::invalid("username can't contain a colon").into());
    }
    Ok((user, password))
}

fn as_docker_says(registry: &str, error: anyhow::Error) -> anyhow::Error {
    match Fault::of(&error) {
        Some(fault) if fault.kind == Kind::Unauthorized => {
            let what = format!("Get \"https://{registry}/v2/\": unauthorized: authentication required");
            Fault::new(Kind::Unauthorized, what).into()
        }
        _ => error,
    }
}
