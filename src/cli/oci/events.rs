//! `oci events`

use super::Globals;
use crate::cli::output;
use crate::fault::Fault;
use crate::runtime::container::Container;
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::time::Duration;

/// Show what a container uses, and when it ran out of memory, until it ends
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The container
    #[arg(value_name = "CONTAINER")]
    id: String,
    /// Time between two lines
    #[arg(long, value_name = "DURATION", default_value = "5s")]
    interval: String,
    /// Show what it uses once
    #[arg(long)]
    stats: bool,
}

/// Runs the command.
pub fn run(args: &Args, globals: &Globals) -> Result<()> {
    let interval = interval(&args.interval)?;
    let container = globals.containers().open(&args.id)?;
    if args.stats {
        return line(&container, "stats", Some(stats(&container)?));
    }
    let mut kills = kills(&container)?;
    while let Some(process) = container.process()? {
        line(&container, "stats", Some(stats(&container)?))?;
        let mut left = interval;
        while !left.is_zero() {
            // Memory runs out between two lines: looked for more often than they are written.
            let step = left.min(Duration::from_millis(200));
            let ended = process.wait(Some(step))?;
            left -= step;
            let now = self::kills(&container)?;
            if now > kills {
                line(&container, "oom", None)?;
                kills = now;
            }
            if ended {
                break;
            }
        }
    }
    Ok(())
}

/// A number of `ms`, `s`, `m` or `h`.
fn interval(text: &str) -> Result<Duration> {
    let wrong = || Fault::invalid(format!("invalid interval {text:?}"));
    let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
    let number: u64 = text[..digits].parse().map_err(|_| wrong())?;
    let duration = match &text[digits..] {
        "ms" => Duration::from_millis(number),
        "s" => Duration::from_secs(number),
        "m" => Duration::from_secs(number.saturating_mul(60)),
        "h" => Duration::from_secs(number.saturating_mul(3600)),
        _ => return Err(wrong().into()),
    };
    if duration.is_zero() {
        Err(Fault::invalid("duration interval must be greater than 0").into())
    } else {
        Ok(duration)
    }
}

fn kills(container: &Container) -> Result<u64> {
    Ok(container.cgroup()?.map_or(0, |cgroup| cgroup.oom_kills().unwrap_or(0)))
}

fn line(container: &Container, kind: &str, data: Option<Value>) -> Result<()> {
    let mut event = json!({"type": kind, "id": container.record.id});
    if let Some(data) = data {
        event["data"] = data;
    }
    output::line(event)
}

/// runc's form, with what is counted here.
fn stats(container: &Container) -> Result<Value> {
    let cgroup = container.cgroup()?.context("the container has no cgroup")?;
    let stats = cgroup.stats()?;
    let number = |value: Option<u64>| value.unwrap_or(0);
    Ok(json!({
        "cpu": {"usage": {
            "total": number(stats.cpu_total),
            "kernel": number(stats.cpu_system),
            "user": number(stats.cpu_user),
        }},
        "memory": {"usage": {
            "usage": number(stats.memory),
            "limit": stats.memory_limit.unwrap_or(u64::MAX),
        }},
        "pids": {"current": number(stats.pids), "limit": number(stats.pids_limit)},
        "blkio": {"ioServiceBytesRecursive": [
            {"major": 0, "minor": 0, "op": "Read", "value": number(stats.block_read)},
            {"major": 0, "minor": 0, "op": "Write", "value": number(stats.block_write)},
        ]},
    }))
}
