//! `oci update`

use super::Globals;
use crate::fault::Fault;
use crate::model::size::ByteSize;
use anyhow::{Context, Result};
use serde_json::{Map, Value, json};
use std::io::Read as _;
use std::path::PathBuf;

/// Change the limits of a container
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The container
    #[arg(value_name = "CONTAINER")]
    id: String,
    /// Read resources of the runtime spec from a JSON file (-: standard input); no other option counts then
    #[arg(short, long, value_name = "FILE")]
    resources: Option<PathBuf>,
    /// Block I/O weight, 10 to 1000
    #[arg(long, value_name = "N")]
    blkio_weight: Option<u16>,
    /// CPU time in a period, in microseconds (-1: no limit)
    #[arg(long, value_name = "N")]
    cpu_quota: Option<i64>,
    /// The period, in microseconds
    #[arg(long, value_name = "N")]
    cpu_period: Option<u64>,
    /// CPU time above the quota, saved up before, in microseconds
    #[arg(long, value_name = "N")]
    cpu_burst: Option<u64>,
    /// CPU shares against other containers
    #[arg(long, value_name = "N")]
    cpu_share: Option<u64>,
    /// Real-time CPU time in a period, in microseconds
    #[arg(long, value_name = "N")]
    cpu_rt_runtime: Option<i64>,
    /// The real-time period, in microseconds
    #[arg(long, value_name = "N")]
    cpu_rt_period: Option<u64>,
    /// CPUs to use
    #[arg(long, value_name = "LIST")]
    cpuset_cpus: Option<String>,
    /// Memory nodes to use
    #[arg(long, value_name = "LIST")]
    cpuset_mems: Option<String>,
    /// 1: only what others leave of the CPU
    #[arg(long, value_name = "0|1")]
    cpu_idle: Option<i64>,
    /// Memory limit (-1: none)
    #[arg(long, value_name = "SIZE")]
    memory: Option<String>,
    /// Memory that is kept when there is little
    #[arg(long, value_name = "SIZE")]
    memory_reservation: Option<String>,
    /// Limit of memory and swap together (-1: none)
    #[arg(long, value_name = "SIZE")]
    memory_swap: Option<String>,
    /// Most processes (-1: no limit)
    #[arg(long, value_name = "N")]
    pids_limit: Option<i64>,
}

/// Runs the command.
pub fn run(args: &Args, globals: &Globals) -> Result<()> {
    let container = globals.containers().open(&args.id)?;
    let changes = match &args.resources {
        Some(path) => read(path)?,
        None => flags(args)?,
    };
    container.update(&changes)
}

fn read(path: &PathBuf) -> Result<Value> {
    let mut text = Vec::new();
    if path.as_os_str() == "-" {
        std::io::stdin().read_to_end(&mut text).context("reading standard input")?;
    } else {
        text = std::fs::read(path).with_context(|| format!("reading {}", path.display()))?;
    }
    Ok(serde_json::from_slice(&text).map_err(|error| Fault::invalid(format!("{}: {error}", path.display())))?)
}

fn flags(args: &Args) -> Result<Value> {
    let mut changes = Map::new();
    let mut set = |group: &str, key: &str, value: Value| {
        if let Value::Object(group) = changes.entry(group).or_insert_with(|| json!({})) {
            group.insert(key.to_string(), value);
        }
    };
    for (key, value) in [
        ("quota", args.cpu_quota.map(Value::from)),
        ("period", args.cpu_period.map(Value::from)),
        ("burst", args.cpu_burst.map(Value::from)),
        ("shares", args.cpu_share.map(Value::from)),
        ("realtimeRuntime", args.cpu_rt_runtime.map(Value::from)),
        ("realtimePeriod", args.cpu_rt_period.map(Value::from)),
        ("cpus", args.cpuset_cpus.clone().map(Value::from)),
        ("mems", args.cpuset_mems.clone().map(Value::from)),
        ("idle", args.cpu_idle.map(Value::from)),
    ] {
        if let Some(value) = value {
            set("cpu", key, value);
        }
    }
    for (key, size) in [("limit", &args.memory), ("reservation", &args.memory_reservation), ("swap", &args.memory_swap)]
    {
        if let Some(size) = size {
            set("memory", key, bytes(size)?.into());
        }
    }
    if let Some(limit) = args.pids_limit {
        set("pids", "limit", limit.into());
    }
    if let Some(weight) = args.blkio_weight {
        set("blockIO", "weight", weight.into());
    }
    Ok(Value::Object(changes))
}

fn bytes(text: &str) -> Result<i64> {
    if text == "-1" {
        return Ok(-1);
    }
    let size: ByteSize = text.parse()?;
    Ok(i64::try_from(size.0).map_err(|_| Fault::invalid(format!("invalid value {text:?}")))?)
}
