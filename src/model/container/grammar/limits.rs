//! `-m`, `--cpus`, `--ulimit`, `--sysctl`.

use super::super::Ulimit;
use crate::fault::Fault;
use crate::model::size::ByteSize;

/// A size, or -1 where `unlimited` allows it.
pub fn parse_memory(name: &str, text: &str, unlimited: bool) -> Result<i64, Fault> {
    if unlimited && text == "-1" {
        return Ok(-1);
    }
    let size: ByteSize = text.parse().map_err(|why| Fault::invalid(format!("invalid value for {name}: {why}")))?;
    Ok(size.0 as i64)
}

/// `1.5` → billionths of a CPU; digits beyond the ninth are refused, as docker does.
pub fn parse_cpus(text: &str) -> Result<i64, Fault> {
    let bad = |why: &str| Fault::invalid(format!("invalid argument {text:?} for \"--cpus\" flag: {why}"));
    let (negative, number) = text.strip_prefix('-').map_or((false, text), |number| (true, number));
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || (whole.is_empty() && fraction.is_empty()) {
        return Err(bad(&format!("strconv.ParseFloat: parsing {text:?}: invalid syntax")));
    }
    if negative {
        return Err(bad("must not be negative"));
    }
    if fraction.trim_end_matches('0').len() > 9 {
        return Err(bad("value is too precise"));
    }
    let nano: String = fraction.chars().chain(std::iter::repeat('0')).take(9).collect();
    format!("{whole}{nano}").parse().map_err(|_| bad("value is too large"))
}

/// The names that setrlimit(2) knows, without `RLIMIT_`.
const ULIMITS: [&str; 16] = [
    "as",
    "core",
    "cpu",
    "data",
    "fsize",
    "locks",
    "memlock",
    "msgqueue",
    "nice",
    "nofile",
    "nproc",
    "rss",
    "rtprio",
    "rttime",
    "sigpending",
    "stack",
];

/// `NAME=SOFT[:HARD]`; -1: unlimited.
pub fn parse_ulimit(text: &str) -> Result<(String, Ulimit), Fault> {
    let bad = |why: String| {
        Fault::invalid(format!("ulimit option {text:?} requires name=SOFT:HARD, failed to be parsed: {why}"))
    };
    let (name, values) = text.split_once('=').ok_or_else(|| bad(format!("invalid ulimit argument: {text}")))?;
    let lower = name.to_ascii_lowercase();
    let name = lower.strip_prefix("rlimit_").unwrap_or(&lower);
    if !ULIMITS.contains(&name) {
        return Err(bad(format!("invalid ulimit type: {name}")));
    }
    let number = |text: &str| match text {
        "unlimited" => Ok(-1),
        text => text
            .parse::<i64>()
            .ok()
            .filter(|value| *value >= -1)
            .ok_or_else(|| bad(format!("strconv.ParseInt: parsing {text:?}: invalid syntax"))),
    };
    let (soft, hard) = match values.split_once(':') {
        Some((_, hard)) if hard.contains(':') => {
            return Err(bad(format!(
                "too many limit value arguments - {values}, can only have up to two, `soft[:hard]`"
            )));
        }
        Some((soft, hard)) => (number(soft)?, number(hard)?),
        None => (number(values)?, number(values)?),
    };
    let exceeds = match (soft, hard) {
        (_, -1) => false,
        (-1, _) => true,
        (soft, hard) => soft > hard,
    };
    if exceeds {
        return Err(bad(format!("ulimit soft limit must be less than or equal to hard limit: {soft} > {hard}")));
    }
    Ok((name.to_string(), Ulimit { soft, hard }))
}

/// `KEY=VALUE` of a namespaced kernel parameter.
pub fn parse_sysctl(text: &str) -> Result<(String, String), Fault> {
    let (key, value) = text
        .split_once('=')
        .ok_or_else(|| Fault::invalid(format!("{text} is invalid, sysctl values must be in the form of KEY=VALUE")))?;
    const ALLOWED: [&str; 8] = [
        "kernel.msgmax",
        "kernel.msgmnb",
        "kernel.msgmni",
        "kernel.sem",
        "kernel.shmall",
        "kernel.shmmax",
        "kernel.shmmni",
        "kernel.shm_rmid_forced",
    ];
    // Both `net.ipv4.x` and `net/ipv4/x`; never a way out of /proc/sys.
    let dotted = key.replace('/', ".");
    let allowed = ALLOWED.contains(&&*dotted)
        || matches!(&*dotted, "kernel.domainname" | "kernel.hostname")
        || dotted.starts_with("net.")
        || dotted.starts_with("fs.mqueue.");
    let plain = !key.contains("..") && key.bytes().all(|byte| byte.is_ascii_graphic());
    if !allowed || !plain {
        return Err(Fault::invalid(format!("sysctl '{key}' is not allowed")));
    }
    Ok((key.to_string(), value.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpus_are_exact() {
        for (text, nano) in
            [("1", 1_000_000_000), ("1.5", 1_500_000_000), (".5", 500_000_000), ("0.000000001", 1), ("0", 0)]
        {
            assert_eq!(parse_cpus(text).unwrap(), nano, "{text}");
        }
        for text in ["", ".", "x", "-1", "1.5.5", "0.0000000001", "99999999999999999999", "1e3"] {
            assert!(parse_cpus(text).is_err(), "{text:?}");
        }
        for (text, why) in [("-1", "must not be negative"), ("-0.5", "must not be negative"), ("-x", "invalid syntax")]
        {
            let error = parse_cpus(text).unwrap_err().what;
            assert!(error.ends_with(why), "{error}");
        }
    }

    #[test]
    fn ulimits_parse_as_docker_does() {
        for (text, name, soft, hard) in [
            ("nofile=5", "nofile", 5, 5),
            ("nofile=5:10", "nofile", 5, 10),
            ("RLIMIT_NPROC=-1:-1", "nproc", -1, -1),
            ("core=0:-1", "core", 0, -1),
            ("memlock=unlimited", "memlock", -1, -1),
        ] {
            assert_eq!(parse_ulimit(text).unwrap(), (name.to_string(), Ulimit { soft, hard }), "{text}");
        }
        for text in ["", "nofile", "foo=1", "nofile=5:3", "nofile=-1:3", "nofile=x", "nofile=1:2:3", "nofile=-2"] {
            assert!(parse_ulimit(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn only_namespaced_sysctls() {
        for text in ["net.ipv4.ip_forward=1", "kernel.shmmax=100", "fs.mqueue.msg_max=5", "net/core/somaxconn=1"] {
            assert!(parse_sysctl(text).is_ok(), "{text}");
        }
        for text in ["foo", "kernel.foo=1", "net.../../kernel/x=1", "vm.swappiness=1", "kernel.core_pattern=|x"] {
            assert!(parse_sysctl(text).is_err(), "{text}");
        }
    }
}
