//! Device nodes and who may use them.

use crate::fault::Fault;
use crate::model::container::ContainerSpec;
use anyhow::Result;
use oci_spec::runtime::{LinuxDevice, LinuxDeviceCgroup, LinuxDeviceType};

/// One device of the host, looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostDevice {
    /// In the container.
    pub path: String,
    /// A block device.
    pub block: bool,
    /// Number.
    pub major: u32,
    /// Number.
    pub minor: u32,
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Of `r`, `w`, `m`.
    pub permissions: String,
}

pub(super) fn nodes(devices: &[HostDevice]) -> Vec<LinuxDevice> {
    devices
        .iter()
        .map(|device| {
            let mut node = LinuxDevice::default();
            node.set_path(device.path.clone().into())
                .set_typ(kind(device.block))
                .set_major(i64::from(device.major))
                .set_minor(i64::from(device.minor))
                .set_file_mode(Some(device.mode))
                .set_uid(Some(device.uid))
                .set_gid(Some(device.gid));
            node
        })
        .collect()
}

fn kind(block: bool) -> LinuxDeviceType {
    if block { LinuxDeviceType::B } else { LinuxDeviceType::C }
}

/// Every container's: mknod of anything, and the harmless devices.
const ALLOWED: &[(LinuxDeviceType, Option<i64>, Option<i64>, &str)] = &[
    (LinuxDeviceType::C, None, None, "m"),
    (LinuxDeviceType::B, None, None, "m"),
    (LinuxDeviceType::C, Some(1), Some(3), "rwm"),
    (LinuxDeviceType::C, Some(1), Some(5), "rwm"),
    (LinuxDeviceType::C, Some(1), Some(7), "rwm"),
    (LinuxDeviceType::C, Some(1), Some(8), "rwm"),
    (LinuxDeviceType::C, Some(1), Some(9), "rwm"),
    (LinuxDeviceType::C, Some(5), Some(0), "rwm"),
    (LinuxDeviceType::C, Some(5), Some(1), "rwm"),
    (LinuxDeviceType::C, Some(5), Some(2), "rwm"),
    (LinuxDeviceType::C, Some(136), None, "rwm"),
];

pub(super) fn rules(spec: &ContainerSpec, devices: &[HostDevice]) -> Result<Vec<LinuxDeviceCgroup>> {
    if spec.security.privileged {
        return Ok(vec![rule(true, None, None, None, "rwm")]);
    }
    let mut rules = vec![rule(false, None, None, None, "rwm")];
    rules.extend(ALLOWED.iter().map(|(typ, major, minor, access)| rule(true, Some(*typ), *major, *minor, access)));
    for device in devices {
        let (major, minor) = (Some(i64::from(device.major)), Some(i64::from(device.minor)));
        rules.push(rule(true, Some(kind(device.block)), major, minor, &device.permissions));
    }
    for text in &spec.device_rules {
        rules.push(
            parse_rule(text).ok_or_else(|| Fault::invalid(format!("invalid device cgroup rule format: '{text}'")))?,
        );
    }
    Ok(rules)
}

fn rule(
    allow: bool,
    typ: Option<LinuxDeviceType>,
    major: Option<i64>,
    minor: Option<i64>,
    access: &str,
) -> LinuxDeviceCgroup {
    let mut rule = LinuxDeviceCgroup::default();
    rule.set_allow(allow).set_typ(typ).set_major(major).set_minor(minor).set_access(Some(access.into()));
    rule
}

/// `c 1:3 rwm`, `b *:* r`, `a *:* rwm`.
fn parse_rule(text: &str) -> Option<LinuxDeviceCgroup> {
    let mut words = text.split_ascii_whitespace();
    let (typ, numbers, access) = (words.next()?, words.next()?, words.next()?);
    let typ = match typ {
        "a" => LinuxDeviceType::A,
        "b" => LinuxDeviceType::B,
        "c" => LinuxDeviceType::C,
        _ => return None,
    };
    let (major, minor) = numbers.split_once(':')?;
    let number = |text: &str| match text {
        "*" => Some(None),
        text => text.parse::<u32>().ok().map(|number| Some(i64::from(number))),
    };
    let good = !access.is_empty() && access.bytes().all(|byte| b"rwm".contains(&byte)) && words.next().is_none();
    good.then_some(())?;
    Some(rule(true, Some(typ), number(major)?, number(minor)?, access))
}
