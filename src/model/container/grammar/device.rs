//! `--device`, `--device-cgroup-rule`, `--device-read-bps` and their like.

use super::super::{Device, DeviceRate, DeviceWeight};
use super::refuse;
use crate::fault::Fault;
use crate::model::size::ByteSize;

/// `SOURCE[:TARGET][:PERMISSIONS]`
pub fn parse_device(text: &str) -> Result<Device, Fault> {
    let permissions_are_valid = |text: &str| {
        !text.is_empty()
            && text.bytes().all(|byte| b"rwm".contains(&byte))
            && (1..text.len()).all(|at| !text[..at].contains(&text[at..=at]))
    };
    // `vendor.com/class=name`: a device of the Container Device Interface.
    if !text.starts_with('/') && text.contains('=') && text.contains('/') {
        return Err(refuse(&format!("--device {text}"), "CDI devices are not built"));
    }
    let parts: Vec<&str> = text.split(':').collect();
    let (source, target, permissions) = match parts[..] {
        [source] => (source, source, "rwm"),
        [source, second] if permissions_are_valid(second) => (source, source, second),
        [source, second] if second.starts_with('/') => (source, second, "rwm"),
        [_, second] => return Err(Fault::invalid(format!("invalid device mode: {second}"))),
        [source, target, permissions] if permissions_are_valid(permissions) => (source, target, permissions),
        [_, _, permissions] => return Err(Fault::invalid(format!("invalid device mode: {permissions}"))),
        _ => return Err(Fault::invalid(format!("invalid device specification: {text}"))),
    };
    if !source.starts_with('/') || !target.starts_with('/') {
        return Err(Fault::invalid(format!("invalid device specification: {text}: paths must be absolute")));
    }
    Ok(Device { source: source.into(), target: target.into(), permissions: permissions.into() })
}

/// `TYPE MAJOR:MINOR ACCESS`, as the kernel reads it.
pub fn parse_device_rule(text: &str) -> Result<String, Fault> {
    let number = |text: &str| text == "*" || (!text.is_empty() && text.parse::<u32>().is_ok());
    let valid = || {
        let mut words = text.split(' ');
        let (kind, numbers, access) = (words.next()?, words.next()?, words.next()?);
        let (major, minor) = numbers.split_once(':')?;
        let good = words.next().is_none()
            && matches!(kind, "a" | "b" | "c")
            && number(major)
            && number(minor)
            && (1..=3).contains(&access.len())
            && access.bytes().all(|byte| b"rwm".contains(&byte));
        good.then(|| text.to_string())
    };
    valid().ok_or_else(|| {
        Fault::invalid(format!("invalid device cgroup rule requires type, major:Minor, and access rules: {text:?}"))
    })
}

/// `PATH:RATE`, in bytes (`1mb`) or operations.
pub fn parse_device_rate(text: &str, bytes: bool) -> Result<DeviceRate, Fault> {
    let (path, rate) = text
        .rsplit_once(':')
        .filter(|(path, _)| path.starts_with("/dev/"))
        .ok_or_else(|| Fault::invalid(format!("bad format: {text}")))?;
    let value = if bytes { rate.parse::<ByteSize>().ok().map(|size| size.0) } else { rate.parse().ok() };
    let rate = value.ok_or_else(|| {
        let unit = if bytes {
            "[<unit>]. Number must be a positive integer. Unit is optional and can be kb, mb, or gb"
        } else {
            ". Number must be a positive integer"
        };
        Fault::invalid(format!("invalid rate for device: {text}. The correct format is <device-path>:<number>{unit}"))
    })?;
    Ok(DeviceRate { path: path.into(), rate })
}

/// `PATH:WEIGHT`
pub fn parse_device_weight(text: &str) -> Result<DeviceWeight, Fault> {
    let (path, weight) = text
        .rsplit_once(':')
        .filter(|(path, _)| path.starts_with("/dev/"))
        .ok_or_else(|| Fault::invalid(format!("bad format: {text}")))?;
    match weight.parse() {
        Ok(weight) if weight == 0 || (10..=1000).contains(&weight) => Ok(DeviceWeight { path: path.into(), weight }),
        _ => Err(Fault::invalid(format!("invalid weight for device: {text}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_have_up_to_three_parts() {
        for (text, source, target, permissions) in [
            ("/dev/null", "/dev/null", "/dev/null", "rwm"),
            ("/dev/null:r", "/dev/null", "/dev/null", "r"),
            ("/dev/null:/dev/x", "/dev/null", "/dev/x", "rwm"),
            ("/dev/null:/dev/x:rw", "/dev/null", "/dev/x", "rw"),
        ] {
            let device = parse_device(text).unwrap();
            assert_eq!(
                (&*device.source, &*device.target, &*device.permissions),
                (source, target, permissions),
                "{text}"
            );
        }
        for text in ["null", "/dev/null:x", "/dev/null:/x:q", "/dev/null:/x:rr", "/a:/b:r:x", "nvidia.com/gpu=all", ""]
        {
            assert!(parse_device(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn rules_and_rates() {
        for text in ["c 1:3 rwm", "a *:* r", "b 8:* mw"] {
            assert_eq!(parse_device_rule(text).unwrap(), text);
        }
        for text in ["", "x", "c 1 r", "d 1:1 r", "c 1:1 q", "c a:1 r", "c 1:1 r x", "c 1:1  r"] {
            assert!(parse_device_rule(text).is_err(), "{text:?}");
        }
        assert_eq!(parse_device_rate("/dev/sda:1mb", true).unwrap().rate, 1 << 20);
        assert_eq!(parse_device_rate("/dev/sda:100", false).unwrap().rate, 100);
        assert_eq!(parse_device_weight("/dev/sda:100").unwrap().weight, 100);
        for text in ["x", "/dev/sda", "/dev/sda:x", "sda:1"] {
            assert!(parse_device_rate(text, true).is_err() && parse_device_weight(text).is_err(), "{text}");
        }
        assert!(parse_device_rate("/dev/sda:1mb", false).is_err());
        assert!(parse_device_weight("/dev/sda:5").is_err());
    }
}
