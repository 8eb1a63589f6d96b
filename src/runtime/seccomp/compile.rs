//! Rules → BPF: for each architecture a balanced tree over the numbers of its calls. Pure.
//!
//! The kernel runs a new filter once for each number to find those that are always allowed, so a tree pays twice.

use super::rules::{Action, Argument, Compare, KILL_PROCESS, Rule, Rules, errno};
use super::table;
use crate::fault::Fault;
use crate::sys::seccomp::Instruction;

const LOAD: u16 = 0x20; // A = the word at k
const JUMP: u16 = 0x05; // skip k
const IF_EQUAL: u16 = 0x15;
const IF_GREATER: u16 = 0x25;
const IF_AT_LEAST: u16 = 0x35;
const AND: u16 = 0x54; // A &= k
const RETURN: u16 = 0x06;

const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;

pub const AUDIT_X86_64: u32 = 0xc000_003e;
pub const AUDIT_I386: u32 = 0x4000_0003;
pub const X32_BIT: u32 = 0x4000_0000;

fn plain(code: u16, k: u32) -> Instruction {
    Instruction { code, jt: 0, jf: 0, k }
}

fn jump(code: u16, k: u32, jt: usize, jf: usize) -> Instruction {
    // Only short ones are made; see `tree` for the long ones.
    Instruction { code, jt: jt as u8, jf: jf as u8, k }
}

/// The program.
pub fn compile(rules: &Rules) -> Result<Vec<Instruction>, Fault> {
    let native = tree(&segments(rules, &table::X86_64, 0));
    let x32 = rules.x32.then(|| tree(&segments(rules, &table::X32, X32_BIT)));
    let i386 = rules.i386.then(|| tree(&segments(rules, &table::I386, 0)));

    let mut program = vec![plain(LOAD, ARCHITECTURE)];
    // Native calls are the usual ones, so they come first.
    let native = split_by_bit(native, x32);
    program.push(jump(IF_EQUAL, AUDIT_X86_64, 1, 0));
    program.push(plain(JUMP, native.len() as u32));
    program.extend(native);
    if let Some(i386) = i386 {
        program.push(jump(IF_EQUAL, AUDIT_I386, 1, 0));
        program.push(plain(JUMP, i386.len() as u32 + 1));
        program.push(plain(LOAD, NUMBER));
        program.extend(i386);
    }
    program.push(plain(RETURN, KILL_PROCESS));
    if program.len() > 4096 {
        return Err(Fault::invalid(format!(
            "the seccomp profile needs {} instructions; 4096 is the most",
            program.len()
        )));
    }
    Ok(program)
}

fn split_by_bit(native: Vec<Instruction>, x32: Option<Vec<Instruction>>) -> Vec<Instruction> {
    let x32 = x32.unwrap_or_else(|| vec![plain(RETURN, KILL_PROCESS)]);
    let mut program = vec![plain(LOAD, NUMBER), jump(IF_AT_LEAST, X32_BIT, 0, 1), plain(JUMP, native.len() as u32)];
    program.extend(native);
    program.extend(x32);
    program
}

/// What is done from one number on, up to the next segment's.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Segment<'a> {
    first: u32,
    does: Does<'a>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Does<'a> {
    Return(Action),
    Decide(Vec<&'a Rule>, Action),
}

/// All numbers, in order.
fn segments<'a>(rules: &'a Rules, table: &[(&str, u32)], bit: u32) -> Vec<Segment<'a>> {
    let mut by_number: Vec<(u32, &Rule)> = Vec::with_capacity(rules.rules.len());
    for rule in &rules.rules {
        if let Ok(found) = table.binary_search_by(|(name, _)| (*name).cmp(&rule.name)) {
            by_number.push((table[found].1 | bit, rule));
        }
    }
    // Stable: the rules of one call stay in their order.
    by_number.sort_by_key(|(number, _)| *number);
    let mut segments = vec![Segment { first: bit, does: Does::Return(rules.default) }];
    let mut then = |first: u32, does: Does<'a>| {
        match segments.last_mut() {
            Some(last) if last.first == first => last.does = does,
            Some(last) if last.does == does => return,
            _ => segments.push(Segment { first, does }),
        }
        // A replaced segment may now be as the one before it.
        if let [.., before, last] = segments.as_slice()
            && before.does == last.does
        {
            segments.pop();
        }
    };
    for group in by_number.chunk_by(|(left, _), (right, _)| left == right) {
        let number = group[0].0;
        let always = group.iter().find(|(_, rule)| rule.arguments.is_empty());
        let does = match always {
            Some((_, rule)) => Does::Return(rule.action),
            None => Does::Decide(group.iter().map(|(_, rule)| *rule).collect(), rules.default),
        };
        then(number, does);
        then(number + 1, Does::Return(rules.default));
    }
    // Calls newer than the profile (beyond the last one that it names, as runc has it) do not exist for the container, so
    // that programs fall back as on an older kernel; refused, they would give up.
    if let Some((last, _)) = by_number.last().filter(|_| refuses(rules.default)) {
        then(last + 1, Does::Return(errno(libc::ENOSYS as u32)));
    }
    segments
}

fn refuses(action: Action) -> bool {
    action <= 0x0005_ffff || action == KILL_PROCESS
}

/// Finds the segment of the number in A.
fn tree(segments: &[Segment]) -> Vec<Instruction> {
    if let [one] = segments {
        return match &one.does {
            Does::Return(action) => vec![plain(RETURN, *action)],
            Does::Decide(rules, default) => decide(rules, *default),
        };
    }
    let (low, high) = segments.split_at(segments.len() / 2);
    let first = high.first().map_or(0, |segment| segment.first);
    let (low, high) = (tree(low), tree(high));
    let mut program = Vec::with_capacity(low.len() + high.len() + 2);
    if low.len() <= 255 {
        program.push(jump(IF_AT_LEAST, first, low.len(), 0));
    } else {
        program.push(jump(IF_AT_LEAST, first, 0, 1));
        program.push(plain(JUMP, low.len() as u32));
    }
    program.extend(low);
    program.extend(high);
    program
}

/// The first rule whose conditions hold decides.
fn decide(rules: &[&Rule], default: Action) -> Vec<Instruction> {
    let mut program = Vec::new();
    for rule in rules {
        let mut checks: Vec<Vec<Check>> = rule.arguments.iter().map(check).collect();
        let length: usize = checks.iter().map(Vec::len).sum::<usize>() + 1;
        let mut done = 0;
        for check in &mut checks {
            let own = check.len();
            for (index, one) in check.iter().enumerate() {
                let next = index + 1;
                // From the instruction after this one: the next condition, or the next rule.
                let target = |target: Target| match target {
                    Target::Next => 0,
                    Target::Pass => own - next,
                    Target::Fail => length - done - next,
                };
                program.push(match one.code {
                    LOAD | AND => plain(one.code, one.k),
                    code => jump(code, one.k, target(one.yes), target(one.no)),
                });
            }
            done += own;
        }
        program.push(plain(RETURN, rule.action));
    }
    program.push(plain(RETURN, default));
    program
}

/// One instruction of a condition.
struct Check {
    code: u16,
    k: u32,
    yes: Target,
    no: Target,
}

#[derive(Clone, Copy)]
enum Target {
    Next,
    Pass,
    Fail,
}

/// A condition on 64 bits, half by half.
fn check(argument: &Argument) -> Vec<Check> {
    use Target::*;
    let place = 16 + 8 * u32::from(argument.index);
    let load = |k| Check { code: LOAD, k, yes: Next, no: Next };
    let and = |k| Check { code: AND, k, yes: Next, no: Next };
    let test = |code, k, yes, no| Check { code, k, yes, no };
    let (high, low) = ((argument.value >> 32) as u32, argument.value as u32);
    let (load_high, load_low) = (load(place + 4), load(place));
    match argument.compare {
        Compare::Equal => {
            vec![load_high, test(IF_EQUAL, high, Next, Fail), load_low, test(IF_EQUAL, low, Pass, Fail)]
        }
        Compare::NotEqual => {
            vec![load_high, test(IF_EQUAL, high, Next, Pass), load_low, test(IF_EQUAL, low, Fail, Pass)]
        }
        Compare::Masked => vec![
            load_high,
            and((argument.mask >> 32) as u32),
            test(IF_EQUAL, high, Next, Fail),
            load_low,
            and(argument.mask as u32),
            test(IF_EQUAL, low, Pass, Fail),
        ],
        Compare::AtLeast | Compare::Greater => {
            let code = if argument.compare == Compare::AtLeast { IF_AT_LEAST } else { IF_GREATER };
            vec![
                load_high,
                test(IF_GREATER, high, Pass, Next),
                test(IF_EQUAL, high, Next, Fail),
                load_low,
                test(code, low, Pass, Fail),
            ]
        }
        Compare::Less | Compare::AtMost => {
            let code = if argument.compare == Compare::Less { IF_AT_LEAST } else { IF_GREATER };
            vec![
                load_high,
                test(IF_GREATER, high, Fail, Next),
                test(IF_EQUAL, high, Next, Pass),
                load_low,
                test(code, low, Fail, Pass),
            ]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::interpret::{self, Call};
    use super::super::rules::{ALLOW, LOG};
    use super::*;
    use crate::sys::capability::Set;

    fn run(program: &[Instruction], architecture: u32, number: u32, arguments: [u64; 6]) -> Action {
        interpret::run(program, &Call { number, architecture, place: 0, arguments }).expect("a whole program")
    }

    /// Name, audit number, bit in the syscall number, syscalls.
    type Architecture = (&'static str, u32, u32, &'static [(&'static str, u32)]);
    const ARCHITECTURES: [Architecture; 3] = [
        ("x86-64", AUDIT_X86_64, 0, &table::X86_64),
        ("x32", AUDIT_X86_64, X32_BIT, &table::X32),
        ("i386", AUDIT_I386, 0, &table::I386),
    ];

    #[test]
    fn tables_are_sorted() {
        for (name, _, _, table) in ARCHITECTURES {
            assert!(table.is_sorted_by(|left, right| left.0 < right.0), "{name}");
        }
    }

    fn last(rules: &Rules, table: &[(&str, u32)]) -> u32 {
        let named = |name: &str| rules.rules.iter().any(|rule| rule.name == name);
        table.iter().filter(|(name, _)| named(name)).map(|(_, number)| *number).max().unwrap()
    }

    /// What the rules say of a call, found the slow way.
    fn expected(rules: &Rules, table: &[(&str, u32)], number: u32, arguments: [u64; 6]) -> Action {
        let name = table.iter().find(|(_, known)| *known == number).map(|(name, _)| *name);
        let Some(name) = name else {
            return if number > last(rules, table) { errno(38) } else { rules.default };
        };
        let mut own = rules.rules.iter().filter(|rule| rule.name == name);
        if number > last(rules, table) {
            return errno(38);
        }
        if let Some(rule) = own.clone().find(|rule| rule.arguments.is_empty()) {
            return rule.action;
        }
        let holds = |argument: &Argument| {
            let actual = arguments[usize::from(argument.index)];
            match argument.compare {
                Compare::Equal => actual == argument.value,
                Compare::NotEqual => actual != argument.value,
                Compare::Less => actual < argument.value,
                Compare::AtMost => actual <= argument.value,
                Compare::AtLeast => actual >= argument.value,
                Compare::Greater => actual > argument.value,
                Compare::Masked => actual & argument.mask == argument.value,
            }
        };
        own.find(|rule| rule.arguments.iter().all(holds)).map_or(rules.default, |rule| rule.action)
    }

    #[test]
    fn what_must_be_blocked_is() {
        let program = compile(&super::super::default::rules(Set::default())).unwrap();
        let native = |name: &str, first: u64| {
            let number = table::X86_64.iter().find(|(known, _)| *known == name).unwrap().1;
            run(&program, AUDIT_X86_64, number, [first, 0, 0, 0, 0, 0])
        };
        for name in [
            "mount",
            "unshare",
            "setns",
            "keyctl",
            "add_key",
            "request_key",
            "bpf",
            "io_uring_setup",
            "userfaultfd",
            "kexec_load",
            "swapon",
            "fsopen",
            "perf_event_open",
            "open_by_handle_at",
            "init_module",
            "reboot",
            "chroot",
        ] {
            assert_eq!(native(name, 0), errno(1), "{name}");
        }
        assert_eq!(native("socket", 38), errno(1), "AF_ALG");
        assert_eq!(native("socket", 40), errno(1), "AF_VSOCK");
        assert_eq!(native("socket", 2), ALLOW);
        assert_eq!(native("clone3", 0), errno(38));
        assert_eq!(native("clone", 0x1000_0000), errno(1));
        assert_eq!(native("clone", 17), ALLOW);
        assert_eq!(run(&program, AUDIT_X86_64, 480, [0; 6]), errno(38));
        assert!(program.len() < 2000, "{}", program.len());
    }

    #[test]
    fn comparisons_use_all_64_bits() {
        let compares = [
            Compare::Equal,
            Compare::NotEqual,
            Compare::Less,
            Compare::AtMost,
            Compare::AtLeast,
            Compare::Greater,
            Compare::Masked,
        ];
        let values = [0, 1, 2, u64::from(u32::MAX), 1 << 32, (1 << 32) + 1, 5 << 32 | 7, u64::MAX - 1, u64::MAX];
        for compare in compares {
            for value in values {
                let rules = Rules {
                    default: errno(1),
                    i386: false,
                    x32: false,
                    rules: vec![
                        Rule {
                            name: "read".into(),
                            action: ALLOW,
                            arguments: vec![
                                Argument { index: 5, compare, value: value & !1, mask: !1 },
                                Argument { index: 1, compare: Compare::Equal, value: 3, mask: 0 },
                            ],
                        },
                        Rule {
                            name: "read".into(),
                            action: LOG,
                            arguments: vec![Argument { index: 2, compare: Compare::Equal, value: 9, mask: 0 }],
                        },
                    ],
                    flags: 0,
                };
                let program = compile(&rules).unwrap();
                for actual in values {
                    for (second, third) in [(3, 0), (4, 0), (4, 9)] {
                        let arguments = [0, second, third, 0, 0, actual];
                        assert_eq!(
                            run(&program, AUDIT_X86_64, 0, arguments),
                            expected(&rules, &table::X86_64, 0, arguments),
                            "{actual:#x} {compare:?} {value:#x}"
                        );
                    }
                }
                assert_eq!(run(&program, AUDIT_I386, 3, [0; 6]), KILL_PROCESS);
                assert_eq!(run(&program, AUDIT_X86_64, X32_BIT, [0; 6]), KILL_PROCESS);
            }
        }
    }
}
