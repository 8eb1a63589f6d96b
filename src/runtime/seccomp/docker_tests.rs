//! Our compiled default profile beside docker's JSON, read in the plainest way, for every number of every architecture.

use super::interpret::{Call, run};
use super::rules::{ALLOW, Action, KILL_PROCESS, errno};
use super::{Seccomp, compile, default, filter, profile, table};
use crate::sys::capability::{NAMES, Set};
use crate::sys::seccomp::Instruction;
use serde_json::Value;
use std::collections::BTreeMap;

const JSON: &str = include_str!("../../../tests/data/docker-seccomp.json");
/// Name, audit number, bit in the number, calls.
type Architecture = (&'static str, u32, u32, &'static [(&'static str, u32)]);
const ARCHITECTURES: [Architecture; 3] = [
    ("x86-64", 0xc000_003e, 0, &table::X86_64),
    ("x32", 0xc000_003e, 0x4000_0000, &table::X32),
    ("i386", 0x4000_0003, 0, &table::I386),
];

/// The entries of the profile that hold for these capabilities, by call.
fn entries(json: &Value, capabilities: Set) -> BTreeMap<String, Vec<Value>> {
    let words = |entry: &Value, of: &str, what: &str| -> Vec<String> {
        let list = entry[of][what].as_array().cloned().unwrap_or_default();
        list.iter().map(|word| word.as_str().unwrap().to_string()).collect()
    };
    let has = |name: &String| capabilities.has(Set::named(name).unwrap());
    let mut found: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for entry in json["syscalls"].as_array().unwrap() {
        let arches = words(entry, "includes", "arches");
        let included =
            (arches.is_empty() || arches.contains(&"amd64".into())) && words(entry, "includes", "caps").iter().all(has);
        let excluded = words(entry, "excludes", "caps").iter().any(has)
            || words(entry, "excludes", "arches").contains(&"amd64".into());
        if included && !excluded {
            for name in entry["names"].as_array().unwrap() {
                found.entry(name.as_str().unwrap().to_string()).or_default().push(entry.clone());
            }
        }
    }
    found
}

/// What the profile says of one number, as runc and libseccomp carry it out.
enum Said {
    Always(Action),
    /// (index, comparison, value, second value) → the action; else refused.
    When(Vec<(usize, String, u64, u64, Action)>),
}

/// By number.
fn said(entries: &BTreeMap<String, Vec<Value>>, table: &[(&str, u32)]) -> (BTreeMap<u32, Said>, u32) {
    let mut all = BTreeMap::new();
    for (name, list) in entries {
        let Some((_, number)) = table.iter().find(|(known, _)| known == name) else { continue };
        let action = |entry: &Value| match entry["action"].as_str().unwrap() {
            "SCMP_ACT_ALLOW" => ALLOW,
            "SCMP_ACT_ERRNO" => errno(entry["errnoRet"].as_u64().unwrap_or(1) as u32),
            other => panic!("{other}"),
        };
        let bare = |entry: &&Value| entry["args"].as_array().is_none_or(Vec::is_empty);
        let when = |entry: &Value| {
            let args = entry["args"].as_array().unwrap();
            assert_eq!(args.len(), 1, "{name}: this reader knows one condition for each entry");
            let number = |key: &str| args[0][key].as_u64().unwrap_or(0);
            let compare = args[0]["op"].as_str().unwrap().to_string();
            (number("index") as usize, compare, number("value"), number("valueTwo"), action(entry))
        };
        let said = match list.iter().find(bare) {
            Some(entry) => Said::Always(action(entry)),
            None => Said::When(list.iter().map(when).collect()),
        };
        all.insert(*number, said);
    }
    let last = *all.keys().max().unwrap();
    (all, last)
}

fn answer(all: &(BTreeMap<u32, Said>, u32), number: u32, arguments: [u64; 6]) -> Action {
    match all.0.get(&number) {
        _ if number > all.1 => errno(38),
        None => errno(1),
        Some(Said::Always(action)) => *action,
        Some(Said::When(list)) => {
            let holds = |(index, compare, value, second, _): &&(usize, String, u64, u64, Action)| {
                let actual = arguments[*index];
                match compare.as_str() {
                    "SCMP_CMP_EQ" => actual == *value,
                    "SCMP_CMP_LT" => actual < *value,
                    "SCMP_CMP_GT" => actual > *value,
                    "SCMP_CMP_MASKED_EQ" => actual & *value == *second,
                    other => panic!("{other}"),
                }
            };
            list.iter().find(holds).map_or(errno(1), |when| when.4)
        }
    }
}

/// Architecture, number, first argument, our answer, docker's.
type Difference = (&'static str, u32, u64, Action, Action);

/// Compares a program with what is said, for every number and interesting arguments; returns how many calls were
/// compared and those that differ.
fn differences(program: &[Instruction], all: &[(BTreeMap<u32, Said>, u32); 3]) -> (u64, Vec<Difference>) {
    let (mut compared, mut different) = (0, Vec::new());
    let many = arguments();
    for (index, (name, architecture, bit, _)) in ARCHITECTURES.iter().enumerate() {
        for number in numbers() {
            let conditional = matches!(all[index].0.get(&number), Some(Said::When(_)));
            for first in if conditional { &many[..] } else { &many[..2] } {
                let arguments = [*first, first ^ 3, *first, *first, *first, *first];
                let call = Call { number: number | bit, architecture: *architecture, place: 0, arguments };
                let (ours, theirs) = (run(program, &call).unwrap(), answer(&all[index], number, arguments));
                compared += 1;
                if ours != theirs {
                    different.push((*name, number, *first, ours, theirs));
                }
            }
        }
    }
    (compared, different)
}

fn sets() -> Vec<Set> {
    let mut sets: Vec<Set> = NAMES.iter().filter_map(|name| Set::named(name)).collect();
    let podmans = Set(0x8004_05fb);
    sets.extend([Set::default(), podmans, Set(u64::MAX), Set(!(1 << 21)), podmans.or(Set(1 << 19 | 1 << 38))]);
    sets
}

/// Every number that a table has or could have, and odd ones.
fn numbers() -> impl Iterator<Item = u32> {
    (0..1024).chain([4095, 4096, 0x7fff, 0xffff, 0x1f_ffff, 0x3fff_ffff])
}

/// Those of conditions, their neighbours, and the borders of words.
fn arguments() -> Vec<u64> {
    let mut all = vec![u64::MAX, u64::MAX - 1, 1 << 63, 1 << 31, u64::from(u32::MAX), u64::from(u32::MAX) - 1];
    for middle in [0u64, 8, 38, 40, 46, 131_072, 131_080, 1 << 32, 1 << 32 | 38, 1 << 32 | 40, 1 << 32 | 8] {
        all.extend((middle.saturating_sub(2)..=middle + 2).collect::<Vec<_>>());
    }
    all.extend((7..=31).map(|bit| 1 << bit | 17));
    all
}

fn everything_said(json: &Value, capabilities: Set) -> [(BTreeMap<u32, Said>, u32); 3] {
    let entries = entries(json, capabilities);
    ARCHITECTURES.map(|(_, _, _, table)| said(&entries, table))
}

#[test]
fn the_default_profile_is_dockers_for_every_number() {
    let json: Value = serde_json::from_str(JSON).unwrap();
    let mut compared = 0;
    for capabilities in sets() {
        let program = compile::compile(&default::rules(capabilities)).unwrap();
        let (count, different) = differences(&program, &everything_said(&json, capabilities));
        compared += count;
        for (name, number, first, ours, theirs) in &different {
            // The one difference: a family with bits that the kernel does not look at.
            let socket = matches!((*name, *number), ("x86-64" | "x32", 41) | ("i386", 359));
            assert!(
                socket && *first > u64::from(u32::MAX) && *ours == errno(1),
                "{name} {number} ({first:#x}) with {capabilities:?}: {ours:#x}, docker {theirs:#x}"
            );
        }
        assert!(!different.is_empty());
        for architecture in [0, 1, 0xc000_00b7, 0x4000_0028, u32::MAX] {
            assert_eq!(run(&program, &Call { architecture, ..Call::default() }), Some(KILL_PROCESS));
        }
    }
    assert!(compared > 300_000, "{compared}");
}

/// The control: to docker's filter a family with a high bit is another one, and AF_ALG gets through.
#[test]
fn only_ours_blocks_families_with_high_bits() {
    let json: Value = serde_json::from_str(JSON).unwrap();
    let dockers = everything_said(&json, Set::default());
    let ours = compile::compile(&default::rules(Set::default())).unwrap();
    for family in [38u64, 40] {
        let mut call = Call { number: 41, architecture: 0xc000_003e, ..Call::default() };
        for (first, docker) in [(family, errno(1)), (1 << 32 | family, ALLOW)] {
            call.arguments[0] = first;
            assert_eq!(answer(&dockers[0], 41, call.arguments), docker);
            assert_eq!(run(&ours, &call), Some(errno(1)));
        }
    }
}

/// Whoever gives us the file itself (`--security-opt seccomp=default.json`) gets what it says, to the bit.
#[test]
fn dockers_file_is_compiled_as_it_says() {
    let json: Value = serde_json::from_str(JSON).unwrap();
    for capabilities in [Set::default(), Set(0x8004_05fb), Set(u64::MAX)] {
        let program = compile::compile(&profile::parse(JSON, capabilities, (6, 1)).unwrap()).unwrap();
        let (_, different) = differences(&program, &everything_said(&json, capabilities));
        assert!(different.is_empty(), "{capabilities:?}: {different:x?}");
        // The control: a filter for other capabilities is told apart.
        let other = compile::compile(&default::rules(Set(1 << 25))).unwrap();
        assert!(!differences(&other, &everything_said(&json, capabilities)).1.is_empty());
    }
}

#[test]
fn a_changed_profile_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let changed = JSON.replace("\"acct\"", "\"mount\"");
    let get = |text: &str| {
        let wanted = Seccomp::Json(text.into());
        filter(&wanted, None, Set(!(1 << 21)), dir.path()).unwrap().unwrap().instructions
    };
    let call = Call { number: 165, architecture: 0xc000_003e, ..Call::default() };
    assert_eq!(run(&get(JSON), &call), Some(errno(1)));
    assert_eq!(run(&get(&changed), &call), Some(ALLOW));
}
