//! Device rules: v1's files, v2's program. Pure.

use crate::fault::Fault;
use crate::sys::bpf::Instruction;
use anyhow::Result;
use oci_spec::runtime::{LinuxDeviceCgroup, LinuxDeviceType};

/// One rule, checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Rule {
    allow: bool,
    /// `None`: both sorts.
    block: Option<bool>,
    major: Option<u32>,
    minor: Option<u32>,
    read: bool,
    write: bool,
    mknod: bool,
}

impl Rule {
    fn of(rule: &LinuxDeviceCgroup) -> Result<Rule> {
        let block = match rule.typ() {
            None | Some(LinuxDeviceType::A) => None,
            Some(LinuxDeviceType::B) => Some(true),
            Some(LinuxDeviceType::C) => Some(false),
            Some(other) => return Err(Fault::invalid(format!("device rule: type {other:?}")).into()),
        };
        let number = |number: Option<i64>| number.filter(|&number| number >= 0).map(|number| number as u32);
        let access = rule.access().as_deref().unwrap_or("rwm");
        if let Some(odd) = access.chars().find(|c| !"rwm".contains(*c)) {
            return Err(Fault::invalid(format!("device rule: access `{odd}` is none of r, w, m")).into());
        }
        let all = access.is_empty();
        Ok(Rule {
            allow: rule.allow(),
            block,
            major: number(rule.major()),
            minor: number(rule.minor()),
            read: all || access.contains('r'),
            write: all || access.contains('w'),
            mknod: all || access.contains('m'),
        })
    }

    fn is_everything(&self) -> bool {
        self.block.is_none() && self.major.is_none() && self.minor.is_none() && self.read && self.write && self.mknod
    }
}

/// (file, text) to be written in this order. The kernel has no word for "both sorts" but for everything.
pub fn v1(rules: &[LinuxDeviceCgroup]) -> Result<Vec<(&'static str, String)>> {
    let mut writes = Vec::new();
    for rule in rules {
        let rule = Rule::of(rule)?;
        let file = if rule.allow { "devices.allow" } else { "devices.deny" };
        if rule.is_everything() {
            writes.push((file, "a".to_string()));
            continue;
        }
        let number = |number: Option<u32>| number.map_or("*".to_string(), |number| number.to_string());
        let mut access = String::new();
        for (wanted, letter) in [(rule.read, 'r'), (rule.write, 'w'), (rule.mknod, 'm')] {
            if wanted {
                access.push(letter);
            }
        }
        for (block, letter) in [(true, 'b'), (false, 'c')] {
            if rule.block.is_none_or(|wanted| wanted == block) {
                writes.push((file, format!("{letter} {}:{} {access}", number(rule.major), number(rule.minor))));
            }
        }
    }
    Ok(writes)
}

const LOAD: u8 = 0x61; // dst = *(u32 *)(src + off)
const AND: u8 = 0x54; // u32 dst &= imm
const SHIFT_RIGHT: u8 = 0x74; // u32 dst >>= imm
const COPY: u8 = 0xbc; // u32 dst = src
const SET: u8 = 0xb7; // dst = imm
const UNLESS: u8 = 0x55; // if dst != imm goto off
const UNLESS_SAME: u8 = 0x5d; // if dst != src goto off
const IF: u8 = 0x15; // if dst == imm goto off
const EXIT: u8 = 0x95;

/// A program for `BPF_PROG_TYPE_CGROUP_DEVICE`: the last rule that matches decides; without any it is allowed, as v1
/// begins.
pub fn v2(rules: &[LinuxDeviceCgroup]) -> Result<Vec<Instruction>> {
    let insn =
        |code: u8, dst: u8, src: u8, off: i16, imm: i32| Instruction { code, registers: dst | src << 4, off, imm };
    // The context: type in the low half of the first word, access in the high half; then major, minor.
    let mut program = vec![
        insn(LOAD, 2, 1, 0, 0),
        insn(AND, 2, 0, 0, 0xffff),
        insn(LOAD, 3, 1, 0, 0),
        insn(SHIFT_RIGHT, 3, 0, 0, 16),
        insn(LOAD, 4, 1, 4, 0),
        insn(LOAD, 5, 1, 8, 0),
    ];
    let mut default = true;
    for rule in rules.iter().rev() {
        let rule = Rule::of(rule)?;
        if rule.is_everything() {
            default = rule.allow;
            break;
        }
        let mut block = Vec::new();
        if let Some(is_block) = rule.block {
            block.push(insn(UNLESS, 2, 0, 0, if is_block { 1 } else { 2 }));
        }
        let access = i32::from(rule.mknod) | i32::from(rule.read) << 1 | i32::from(rule.write) << 2;
        block.push(insn(COPY, 1, 3, 0, 0));
        block.push(insn(AND, 1, 0, 0, access));
        // Allowed is what asks for nothing else; denied is what asks for any of it.
        block.push(if rule.allow { insn(UNLESS_SAME, 1, 3, 0, 0) } else { insn(IF, 1, 0, 0, 0) });
        if let Some(major) = rule.major {
            block.push(insn(UNLESS, 4, 0, 0, major as i32));
        }
        if let Some(minor) = rule.minor {
            block.push(insn(UNLESS, 5, 0, 0, minor as i32));
        }
        block.push(insn(SET, 0, 0, 0, i32::from(rule.allow)));
        block.push(insn(EXIT, 0, 0, 0, 0));
        let length = block.len();
        for (index, one) in block.iter_mut().enumerate() {
            if matches!(one.code, UNLESS | UNLESS_SAME | IF) {
                one.off = (length - index - 1) as i16;
            }
        }
        program.extend(block);
    }
    program.extend([insn(SET, 0, 0, 0, i32::from(default)), insn(EXIT, 0, 0, 0, 0)]);
    Ok(program)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rules() -> Vec<LinuxDeviceCgroup> {
        serde_json::from_value(json!([
            {"allow": false, "access": "rwm"},
            {"allow": true, "type": "c", "access": "m"},
            {"allow": true, "type": "c", "major": 1, "minor": 3, "access": "rwm"},
            {"allow": true, "type": "c", "major": 136, "access": "rw"},
            {"allow": true, "type": "b", "major": 8, "minor": 0, "access": "rw"},
            {"allow": false, "type": "b", "major": 8, "minor": 0, "access": "w"},
        ]))
        .unwrap()
    }

    #[test]
    fn v1_gets_a_line_each() {
        let lines = v1(&rules()).unwrap();
        assert_eq!(lines[0], ("devices.deny", "a".into()));
        assert_eq!(lines[1], ("devices.allow", "c *:* m".into()));
        assert_eq!(lines[3], ("devices.allow", "c 136:* rw".into()));
        let both = serde_json::from_value(json!([{"allow": true, "major": 7, "access": "r"}])).unwrap();
        let both: Vec<LinuxDeviceCgroup> = both;
        assert_eq!(v1(&both).unwrap().len(), 2);
    }

    /// Runs the program on (type, access, major, minor).
    fn run(program: &[Instruction], context: [u32; 3]) -> bool {
        let mut registers = [0u64; 10];
        let mut at = 0i64;
        loop {
            let one = program[at as usize];
            let (dst, src) = ((one.registers & 15) as usize, (one.registers >> 4) as usize);
            at += 1;
            match one.code {
                LOAD => registers[dst] = u64::from(context[one.off as usize / 4]),
                AND => registers[dst] = u64::from(registers[dst] as u32 & one.imm as u32),
                SHIFT_RIGHT => registers[dst] = u64::from(registers[dst] as u32 >> one.imm),
                COPY => registers[dst] = u64::from(registers[src] as u32),
                SET => registers[dst] = one.imm as u64,
                UNLESS if registers[dst] != one.imm as u64 => at += i64::from(one.off),
                UNLESS_SAME if registers[dst] != registers[src] => at += i64::from(one.off),
                IF if registers[dst] == one.imm as u64 => at += i64::from(one.off),
                UNLESS | UNLESS_SAME | IF => {}
                EXIT => return registers[0] == 1,
                code => panic!("instruction {code:#x}"),
            }
        }
    }

    #[test]
    fn v2s_program_decides_as_v1() {
        let program = v2(&rules()).unwrap();
        let (mknod, read, write) = (1, 2, 4);
        for (kind, access, major, minor, allowed) in [
            (2, read | write, 1, 3, true),
            (2, mknod, 99, 99, true),
            (2, mknod | read, 99, 99, false),
            (2, read, 136, 7, true),
            (2, read | mknod, 136, 7, false),
            (1, read, 8, 0, true),
            (1, write, 8, 0, false),
            (1, read | write, 8, 0, false),
            (1, mknod, 8, 0, false),
            (1, read, 8, 1, false),
        ] {
            let context = [kind | access << 16, major, minor];
            assert_eq!(run(&program, context), allowed, "{kind} {access} {major}:{minor}");
        }
        assert!(run(&v2(&[]).unwrap(), [2 | 7 << 16, 1, 1]));
    }
}
