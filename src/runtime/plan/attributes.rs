//! How a process is run by the kernel: words of the spec → numbers. Pure.

use super::text;
use crate::fault::Fault;
use crate::runtime::step::{Attribute, Step};
use crate::sys::scheduler;
use anyhow::Result;
use oci_spec::runtime::{
    IOPriorityClass, LinuxIOPriority, LinuxMemoryPolicy, LinuxPersonality, LinuxPersonalityDomain, LinuxSchedulerFlag,
    LinuxSchedulerPolicy, LinuxTimeOffset, Scheduler,
};
use std::collections::HashMap;

/// `process.scheduler`
pub fn scheduler(wanted: &Scheduler) -> Result<Attribute> {
    let policy = match wanted.policy() {
        LinuxSchedulerPolicy::SchedOther => 0,
        LinuxSchedulerPolicy::SchedFifo => 1,
        LinuxSchedulerPolicy::SchedRr => 2,
        LinuxSchedulerPolicy::SchedBatch => 3,
        LinuxSchedulerPolicy::SchedIdle => 5,
        LinuxSchedulerPolicy::SchedDeadline => 6,
        LinuxSchedulerPolicy::SchedIso => return Err(Fault::unsupported("SCHED_ISO: Linux never had it").into()),
    };
    let deadlines = [wanted.runtime(), wanted.deadline(), wanted.period()];
    if policy != 6 && deadlines.iter().any(|number| number.is_some_and(|number| number != 0)) {
        return Err(Fault::invalid("scheduler runtime, deadline and period are for SCHED_DEADLINE only").into());
    }
    if !matches!(policy, 1 | 2) && wanted.priority().is_some_and(|number| number != 0) {
        return Err(Fault::invalid("a scheduler priority is for SCHED_FIFO and SCHED_RR only").into());
    }
    let flags = wanted.flags().iter().flatten().map(|flag| match flag {
        LinuxSchedulerFlag::SchedResetOnFork => 0x01,
        LinuxSchedulerFlag::SchedFlagReclaim => 0x02,
        LinuxSchedulerFlag::SchedFlagDLOverrun => 0x04,
        LinuxSchedulerFlag::SchedFlagKeepPolicy => 0x08,
        LinuxSchedulerFlag::SchedFlagKeepParams => 0x10,
        LinuxSchedulerFlag::SchedFlagUtilClampMin => 0x20,
        LinuxSchedulerFlag::SchedFlagUtilClampMax => 0x40,
    });
    Ok(Attribute::Scheduler(scheduler::Attributes {
        size: 0,
        policy,
        flags: flags.fold(0, |all, flag| all | flag),
        nice: wanted.nice().unwrap_or(0),
        priority: wanted.priority().unwrap_or(0) as u32,
        runtime: wanted.runtime().unwrap_or(0),
        deadline: wanted.deadline().unwrap_or(0),
        period: wanted.period().unwrap_or(0),
    }))
}

/// `process.ioPriority`
pub fn io_priority(wanted: LinuxIOPriority) -> Result<Attribute> {
    let class = match wanted.class() {
        IOPriorityClass::IoprioClassRt => 1,
        IOPriorityClass::IoprioClassBe => 2,
        IOPriorityClass::IoprioClassIdle => 3,
    };
    if !(0..=7).contains(&wanted.priority()) {
        return Err(Fault::invalid(format!("I/O priority {}: not 0 to 7", wanted.priority())).into());
    }
    Ok(Attribute::IoPriority { class, priority: wanted.priority() as u32 })
}

/// `linux.personality`
pub fn personality(wanted: &LinuxPersonality) -> Result<Attribute> {
    if let Some(flag) = wanted.flags().iter().flatten().next() {
        return Err(Fault::unsupported(format!("personality flag {flag}: the spec defines none")).into());
    }
    Ok(Attribute::Personality(match wanted.domain() {
        LinuxPersonalityDomain::PerLinux => 0,
        LinuxPersonalityDomain::PerLinux32 => 8,
    }))
}

/// `linux.memoryPolicy`
pub fn memory_policy(wanted: &LinuxMemoryPolicy) -> Result<Attribute> {
    const MODES: [&str; 7] = [
        "MPOL_DEFAULT",
        "MPOL_PREFERRED",
        "MPOL_BIND",
        "MPOL_INTERLEAVE",
        "MPOL_LOCAL",
        "MPOL_PREFERRED_MANY",
        "MPOL_WEIGHTED_INTERLEAVE",
    ];
    let name = wanted.mode().to_string();
    let mode = MODES.iter().position(|known| *known == name);
    let mode = mode.ok_or_else(|| Fault::unsupported(format!("memory policy {name}: unknown")))? as i32;
    let flags = wanted.flags().iter().flatten().map(|flag| match flag.to_string().as_str() {
        "MPOL_F_STATIC_NODES" => 1 << 15,
        "MPOL_F_RELATIVE_NODES" => 1 << 14,
        _ => 1 << 13,
    });
    let nodes = wanted.nodes().as_deref().map(set).transpose()?.unwrap_or_default();
    Ok(Attribute::MemoryPolicy { mode: flags.fold(mode, |all, flag| all | flag), nodes })
}

/// `linux.timeOffsets`, as `/proc/self/timens_offsets` wants them.
pub fn time_offsets(offsets: &HashMap<String, LinuxTimeOffset>) -> Result<Step> {
    let mut lines = Vec::new();
    for (clock, offset) in offsets {
        if !["monotonic", "boottime"].contains(&clock.as_str()) {
            return Err(Fault::invalid(format!("time offset of {clock}: not monotonic or boottime")).into());
        }
        lines.push(format!("{clock} {} {}\n", offset.secs().unwrap_or(0), offset.nanosecs().unwrap_or(0)));
    }
    lines.sort();
    Ok(Step::TimeNamespace(text(lines.concat())?.into_bytes()))
}

/// The CPUs of `execCPUAffinity`.
pub fn cpus(list: &str) -> Result<Attribute> {
    Ok(Attribute::Cpus(set(list)?))
}

/// `0-2,5` → bits.
fn set(list: &str) -> Result<Vec<u64>> {
    let wrong = || Fault::invalid(format!("{list:?}: not a list such as 0-2,5"));
    let mut bits = Vec::new();
    for range in list.split(',').map(str::trim).filter(|range| !range.is_empty()) {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last): (usize, usize) =
            (first.trim().parse().map_err(|_| wrong())?, last.trim().parse().map_err(|_| wrong())?);
        if first > last || last > 8191 {
            return Err(wrong().into());
        }
        for number in first..=last {
            if bits.len() <= number / 64 {
                bits.resize(number / 64 + 1, 0);
            }
            bits[number / 64] |= 1 << (number % 64);
        }
    }
    Ok(bits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{from_value, json};

    #[test]
    fn lists_become_bits() {
        for (list, bits) in [("0", vec![1]), ("0-2,5", vec![0b100111]), ("64", vec![0, 1]), ("", vec![])] {
            assert_eq!(set(list).unwrap(), bits, "{list}");
        }
        for list in ["x", "3-1", "-1", "1-", "9999"] {
            assert!(set(list).is_err(), "{list}");
        }
    }

    #[test]
    fn words_become_numbers() {
        let attribute = scheduler(&from_value(json!({"policy": "SCHED_BATCH", "nice": 5})).unwrap()).unwrap();
        let wanted = scheduler::Attributes { policy: 3, nice: 5, ..Default::default() };
        assert_eq!(attribute, Attribute::Scheduler(wanted));
        assert!(scheduler(&from_value(json!({"policy": "SCHED_OTHER", "priority": 5})).unwrap()).is_err());
        assert!(scheduler(&from_value(json!({"policy": "SCHED_FIFO", "period": 5})).unwrap()).is_err());
        let idle = io_priority(from_value(json!({"class": "IOPRIO_CLASS_IDLE", "priority": 0})).unwrap()).unwrap();
        assert_eq!(idle, Attribute::IoPriority { class: 3, priority: 0 });
        assert!(io_priority(from_value(json!({"class": "IOPRIO_CLASS_RT", "priority": 8})).unwrap()).is_err());
        let policy = json!({"mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_STATIC_NODES"]});
        let policy = memory_policy(&from_value(policy).unwrap()).unwrap();
        assert_eq!(policy, Attribute::MemoryPolicy { mode: 2 | 1 << 15, nodes: vec![1] });
        let offsets = from_value(json!({"boottime": {"secs": -5}, "monotonic": {"secs": 1, "nanosecs": 2}})).unwrap();
        assert!(matches!(time_offsets(&offsets).unwrap(),
            Step::TimeNamespace(text) if text == b"boottime -5 0\nmonotonic 1 2\n"));
        assert!(time_offsets(&from_value(json!({"realtime": {"secs": 1}})).unwrap()).is_err());
    }
}
