//! Profiles as JSON, in docker's form or OCI's → rules.

use super::rules::{self, ALLOW, Action, Argument, Compare, Rule, Rules};
use crate::fault::Fault;
use crate::sys::capability::Set;
use serde::Deserialize;

/// Both forms at once: docker's has more fields.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Profile {
    default_action: String,
    #[serde(default)]
    default_errno_ret: Option<u32>,
    #[serde(default)]
    architectures: Option<Vec<String>>,
    #[serde(default)]
    arch_map: Option<Vec<ArchitectureMap>>,
    #[serde(default)]
    flags: Option<Vec<String>>,
    #[serde(default)]
    listener_path: Option<String>,
    #[serde(default)]
    syscalls: Option<Vec<Call>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ArchitectureMap {
    architecture: String,
    #[serde(default)]
    sub_architectures: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Call {
    /// Old profiles have one name each.
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    names: Option<Vec<String>>,
    action: String,
    #[serde(default)]
    errno_ret: Option<u32>,
    #[serde(default)]
    args: Option<Vec<Comparison>>,
    #[serde(default)]
    includes: Option<Filter>,
    #[serde(default)]
    excludes: Option<Filter>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Comparison {
    index: u8,
    value: u64,
    #[serde(default)]
    value_two: Option<u64>,
    op: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Filter {
    #[serde(default)]
    caps: Option<Vec<String>>,
    #[serde(default)]
    arches: Option<Vec<String>>,
    #[serde(default)]
    min_kernel: Option<String>,
}

impl Filter {
    /// Whether all that it names is so here.
    fn holds(&self, capabilities: Set, kernel: (u32, u32)) -> bool {
        let caps = self.caps.iter().flatten().all(|name| Set::named(name).is_some_and(|one| capabilities.has(one)));
        let arches = self.arches.as_ref().is_none_or(|list| list.is_empty() || list.iter().any(|name| name == "amd64"));
        caps && arches && self.new_enough(kernel)
    }

    /// Whether any of it is so here: what an exclusion asks.
    fn touches(&self, capabilities: Set, kernel: (u32, u32)) -> bool {
        self.caps.iter().flatten().any(|name| Set::named(name).is_some_and(|one| capabilities.has(one)))
            || self.arches.iter().flatten().any(|name| name == "amd64")
            || self.min_kernel.is_some() && self.new_enough(kernel)
    }

    fn new_enough(&self, kernel: (u32, u32)) -> bool {
        self.min_kernel.as_ref().is_none_or(|least| {
            let mut numbers = least.split('.').map(|number| number.parse().unwrap_or(0));
            kernel >= (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
        })
    }
}

/// Reads a profile for a process with these capabilities, on this kernel.
pub fn parse(json: &str, capabilities: Set, kernel: (u32, u32)) -> Result<Rules, Fault> {
    let wrong = |why: String| Fault::invalid(format!("seccomp profile: {why}"));
    let profile: Profile = serde_json::from_str(json).map_err(|error| wrong(error.to_string()))?;
    if profile.listener_path.is_some() {
        return Err(Fault::unsupported("seccomp profile: listenerPath is not built"));
    }
    let mut architectures: Vec<&str> = profile.architectures.iter().flatten().map(String::as_str).collect();
    for map in profile.arch_map.iter().flatten().filter(|map| map.architecture == "SCMP_ARCH_X86_64") {
        architectures.push(&map.architecture);
        architectures.extend(map.sub_architectures.iter().flatten().map(String::as_str));
    }
    let mut list = Vec::new();
    for call in profile.syscalls.iter().flatten() {
        let included = call.includes.as_ref().is_none_or(|filter| filter.holds(capabilities, kernel));
        let excluded = call.excludes.as_ref().is_some_and(|filter| filter.touches(capabilities, kernel));
        if !included || excluded {
            continue;
        }
        let action = action(&call.action, call.errno_ret)?;
        let arguments: Result<Vec<_>, _> = call.args.iter().flatten().map(argument).collect();
        let arguments = arguments?;
        for name in call.name.iter().chain(call.names.iter().flatten()) {
            add(&mut list, name, action, &arguments);
        }
    }
    let flags = match &profile.flags {
        None => libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW,
        Some(names) => names.iter().try_fold(0, |flags, name| Ok::<_, Fault>(flags | flag(name)?))?,
    };
    Ok(Rules {
        default: action(&profile.default_action, profile.default_errno_ret)?,
        i386: architectures.contains(&"SCMP_ARCH_X86"),
        x32: architectures.contains(&"SCMP_ARCH_X32"),
        rules: list,
        flags,
    })
}

/// Conditions on different arguments must all hold; several on the same one are alternatives (as runc has it).
fn add(list: &mut Vec<Rule>, name: &str, action: Action, arguments: &[Argument]) {
    let name = || std::borrow::Cow::Owned(name.to_string());
    let repeated =
        arguments.iter().enumerate().any(|(at, one)| arguments[..at].iter().any(|other| other.index == one.index));
    if repeated {
        list.extend(arguments.iter().map(|one| Rule { name: name(), action, arguments: vec![*one] }));
    } else {
        list.push(Rule { name: name(), action, arguments: arguments.to_vec() });
    }
}

fn action(name: &str, number: Option<u32>) -> Result<Action, Fault> {
    Ok(match name {
        "SCMP_ACT_ALLOW" => ALLOW,
        "SCMP_ACT_ERRNO" => rules::errno(number.unwrap_or(libc::EPERM as u32)),
        "SCMP_ACT_KILL" | "SCMP_ACT_KILL_THREAD" => rules::KILL_THREAD,
        "SCMP_ACT_KILL_PROCESS" => rules::KILL_PROCESS,
        "SCMP_ACT_TRAP" => rules::TRAP,
        "SCMP_ACT_LOG" => rules::LOG,
        "SCMP_ACT_TRACE" => rules::TRACE | number.unwrap_or(libc::EPERM as u32) & 0xffff,
        "SCMP_ACT_NOTIFY" => return Err(Fault::unsupported("seccomp profile: SCMP_ACT_NOTIFY is not built")),
        name => return Err(Fault::invalid(format!("seccomp profile: there is no action {name}"))),
    })
}

fn argument(one: &Comparison) -> Result<Argument, Fault> {
    if one.index > 5 {
        return Err(Fault::invalid(format!("seccomp profile: there is no argument {}", one.index)));
    }
    let plain = |compare| Argument { index: one.index, compare, value: one.value, mask: u64::MAX };
    Ok(match one.op.as_str() {
        "SCMP_CMP_EQ" => plain(Compare::Equal),
        "SCMP_CMP_NE" => plain(Compare::NotEqual),
        "SCMP_CMP_LT" => plain(Compare::Less),
        "SCMP_CMP_LE" => plain(Compare::AtMost),
        "SCMP_CMP_GE" => plain(Compare::AtLeast),
        "SCMP_CMP_GT" => plain(Compare::Greater),
        "SCMP_CMP_MASKED_EQ" => {
            let value = one.value_two.unwrap_or(0);
            Argument { index: one.index, compare: Compare::Masked, value, mask: one.value }
        }
        name => return Err(Fault::invalid(format!("seccomp profile: there is no comparison {name}"))),
    })
}

fn flag(name: &str) -> Result<u64, Fault> {
    Ok(match name {
        "SECCOMP_FILTER_FLAG_TSYNC" => 0, // there is one thread
        "SECCOMP_FILTER_FLAG_LOG" => libc::SECCOMP_FILTER_FLAG_LOG,
        "SECCOMP_FILTER_FLAG_SPEC_ALLOW" => libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW,
        name => return Err(Fault::unsupported(format!("seccomp profile: flag {name} is not built"))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const KERNEL: (u32, u32) = (6, 1);

    #[test]
    fn dockers_conditions_are_settled() {
        let text = json!({
            "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 1,
            "archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]},
                        {"architecture": "SCMP_ARCH_AARCH64", "subArchitectures": ["SCMP_ARCH_X32"]}],
            "syscalls": [
                {"names": ["read", "write"], "action": "SCMP_ACT_ALLOW"},
                {"names": ["bpf"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_BPF"]}},
                {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38, "excludes": {"caps": ["CAP_SYS_ADMIN"]}},
                {"names": ["ptrace"], "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "4.8"}},
                {"names": ["kcmp"], "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "9.0"}},
                {"names": ["acct"], "action": "SCMP_ACT_ALLOW", "includes": {"arches": ["s390x"]}},
                {"names": ["mbind"], "action": "SCMP_ACT_ALLOW", "excludes": {"arches": ["s390"]}},
            ],
        });
        let names = |capabilities| {
            let rules = parse(&text.to_string(), capabilities, KERNEL).unwrap();
            assert!(rules.i386 && !rules.x32);
            rules.rules.iter().map(|rule| rule.name.to_string()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(names(Set::default()), "read write clone3 ptrace mbind");
        assert_eq!(names(Set(u64::MAX)), "read write bpf ptrace mbind");
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "",
            "{}",
            r#"{"defaultAction": "ALLOW"}"#,
            r#"{"defaultAction": "SCMP_ACT_NOTIFY"}"#,
            r#"{"defaultAction": "SCMP_ACT_ALLOW", "flags": ["NO_SUCH"]}"#,
            r#"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["read"], "action": "SCMP_ACT_LOG", "args": [{"index": 6, "value": 0, "op": "SCMP_CMP_EQ"}]}]}"#,
        ] {
            assert!(parse(text, Set::default(), KERNEL).is_err(), "{text}");
        }
    }
}
