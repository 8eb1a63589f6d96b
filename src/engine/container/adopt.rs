//! A container whose monitor was killed gets another one, by the first command that looks at it.
//!
//! Its output goes on where it stood (the FIFOs keep it), its end is seen, and its exit code is known if the kernel
//! tells it to others than the parent (6.15 and later). Until somebody looks, a full FIFO makes its writers wait.

use super::start::adoption;
use super::{identity, network};
use crate::engine::Engine;
use crate::monitor::{self, ExitRecord};
use crate::store::{Container, LockedContainer, ProcessIdentity};
use crate::sys::pid::PidFd;
use crate::sys::poll::{Interest, wait_for};
use anyhow::Result;
use std::time::Duration;

/// Whether its monitor is gone. Only asked of containers whose process lives.
pub(super) fn is_orphan(engine: &Engine, container: &Container) -> bool {
    !identity::is_process_alive(engine, container.monitor.as_ref())
}

/// After the end of a process that we held: if there is no monitor to write its exit record, and the kernel tells us
/// how it ended, we write it.
pub(super) fn keep_end(engine: &Engine, container: &Container, process: &PidFd) -> Result<()> {
    let run_dir = &container.dirs().run;
    if !is_orphan(engine, container) || ExitRecord::read(run_dir)?.is_some() {
        return Ok(());
    }
    // It hangs up when its new parent has waited for it, which is soon; only then the kernel tells.
    wait_for(process, Interest::default(), Some(Duration::from_secs(1)))?;
    match ExitRecord::of_ended(process) {
        Some(record) => record.write(run_dir),
        None => Ok(()),
    }
}

/// The same for a process that has ended but that its new parent has not yet waited for: then the kernel tells still.
pub(super) fn keep_ended(engine: &Engine, container: &Container) -> Result<()> {
    let Some(process) = &container.process else { return Ok(()) };
    match PidFd::open_ended(process.pid, process.start_time)? {
        Some(ended) => keep_end(engine, container, &ended),
        None => Ok(()),
    }
}

/// Gives it a monitor. When that fails, because the process has just ended, the caller's next look finds out.
pub(super) fn adopt(engine: &Engine, container: &mut LockedContainer) -> Result<()> {
    let Some(process) = container.process.clone() else { return Ok(()) };
    let mut config = adoption(engine, container, process.pid, process.start_time)?;
    let (services, sockets) = network::again(engine, container)?;
    config.services = services;
    let (pid, start_time) = monitor::adopt(&config, &sockets)?;
    let boot_id = engine.store.boot_id().to_string();
    let record = container.record_mut();
    record.monitor = Some(ProcessIdentity { pid, start_time, boot_id });
    record.adopted = true;
    log::info!("container {} lost its monitor and got another one", container.id.short());
    container.save_for_this_boot()
}
