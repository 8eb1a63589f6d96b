//! `oci create`

use super::Globals;
use crate::runtime::container::{self, CreateOptions};
use anyhow::Result;
use std::path::PathBuf;

/// Make a container that waits for start
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The container's name, of your choice
    #[arg(value_name = "CONTAINER")]
    id: String,
    #[command(flatten)]
    common: Common,
}

/// What `create` and `run` have in common.
#[derive(Debug, clap::Args)]
pub struct Common {
    /// Directory of the bundle: a config.json and a root file system
    #[arg(short, long, value_name = "DIR", default_value = ".")]
    bundle: PathBuf,
    /// Socket that takes the controlling side of the container's terminal
    #[arg(long, value_name = "PATH")]
    console_socket: Option<PathBuf>,
    /// Write the process id of the container's first process to a file
    #[arg(long, value_name = "FILE")]
    pid_file: Option<PathBuf>,
    /// Pass so many more descriptors on to the container, from 3 on
    #[arg(long, value_name = "N", default_value_t = 0)]
    preserve_fds: u32,
    /// Leave the caller's session keyring to the container
    #[arg(long)]
    no_new_keyring: bool,
    /// Change the root without pivot_root: for a host that lives in its initial RAM disk
    #[arg(long)]
    no_pivot: bool,
}

impl Common {
    /// For the runtime.
    pub fn options(&self, globals: &Globals) -> Result<CreateOptions> {
        let (preserved, listen) = globals.preserved(self.preserve_fds)?;
        let absolute = |path: &Option<PathBuf>| path.as_ref().map(std::path::absolute).transpose();
        Ok(CreateOptions {
            bundle: self.bundle.clone(),
            console_socket: absolute(&self.console_socket)?,
            pid_file: absolute(&self.pid_file)?,
            preserved,
            listen,
            no_new_keyring: self.no_new_keyring,
            no_pivot: self.no_pivot,
        })
    }

    /// Whether somebody else takes the terminal.
    pub fn has_console_socket(&self) -> bool {
        self.console_socket.is_some()
    }
}

/// Runs the command.
pub fn run(args: &Args, globals: &Globals) -> Result<()> {
    globals.seal()?;
    let options = args.common.options(globals)?;
    container::create(&globals.containers(), &args.id, options)?.1.map_or(Ok(()), |_| {
        let containers = globals.containers();
        containers.delete(&args.id, true)?;
        Err(crate::fault::Fault::invalid("cannot allocate tty if runc will detach without setting console socket")
            .into())
    })
}
