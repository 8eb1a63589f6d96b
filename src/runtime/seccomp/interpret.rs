//! Runs a filter as the kernel would, without making the call: what `selftest` asks every number of. Pure.

use super::rules::{Action, KILL_PROCESS};
use crate::sys::seccomp::Instruction;

/// One system call, as a filter sees it: `struct seccomp_data`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Call {
    /// Its number.
    pub number: u32,
    /// `AUDIT_ARCH_…`
    pub architecture: u32,
    /// Where it is made from.
    pub place: u64,
    /// Its arguments.
    pub arguments: [u64; 6],
}

impl Call {
    /// The word at this offset; `None`: the kernel takes no such filter.
    fn word(&self, offset: u32) -> Option<u32> {
        let half = |value: u64, at: u32| if at.is_multiple_of(8) { value as u32 } else { (value >> 32) as u32 };
        match offset {
            _ if !offset.is_multiple_of(4) => None,
            0 => Some(self.number),
            4 => Some(self.architecture),
            8 | 12 => Some(half(self.place, offset)),
            _ => self.arguments.get(offset as usize / 8 - 2).map(|value| half(*value, offset)),
        }
    }
}

/// How long one `struct seccomp_data` is.
const LENGTH: u32 = 64;

/// What one filter says of a call; `None`: it is not one that the kernel would have taken.
pub fn run(program: &[Instruction], call: &Call) -> Option<Action> {
    let (mut a, mut x, mut memory) = (0u32, 0u32, [0u32; 16]);
    let mut at = 0usize;
    loop {
        let one = program.get(at)?;
        at += 1;
        let cell = one.k as usize;
        let operand = if one.code & 0x08 != 0 { x } else { one.k };
        match (one.code & 0x07, one.code) {
            (0, 0x20) => a = call.word(one.k)?,
            (0, 0x00) => a = one.k,
            (0, 0x60) => a = *memory.get(cell)?,
            (0, 0x80) => a = LENGTH,
            (1, 0x01) => x = one.k,
            (1, 0x61) => x = *memory.get(cell)?,
            (1, 0x81) => x = LENGTH,
            (2, 0x02) => *memory.get_mut(cell)? = a,
            (3, 0x03) => *memory.get_mut(cell)? = x,
            (4, code) => {
                a = match code & 0xf0 {
                    0x00 => a.wrapping_add(operand),
                    0x10 => a.wrapping_sub(operand),
                    0x20 => a.wrapping_mul(operand),
                    // The kernel ends a filter that divides by X = 0 with 0: kill.
                    0x30 => match a.checked_div(operand) {
                        Some(a) => a,
                        None => return Some(0),
                    },
                    0x40 => a | operand,
                    0x50 => a & operand,
                    0x60 => a.wrapping_shl(operand),
                    0x70 => a.wrapping_shr(operand),
                    0x80 => a.wrapping_neg(),
                    0xa0 => a ^ operand,
                    _ => return None,
                }
            }
            (5, 0x05) => at = at.checked_add(cell)?,
            (5, code) => {
                let holds = match code & 0xf0 {
                    0x10 => a == operand,
                    0x20 => a > operand,
                    0x30 => a >= operand,
                    0x40 => a & operand != 0,
                    _ => return None,
                };
                at += usize::from(if holds { one.jt } else { one.jf });
            }
            (6, 0x06) => return Some(one.k),
            (6, 0x16) => return Some(a),
            (7, 0x07) => x = a,
            (7, 0x87) => a = x,
            _ => return None,
        }
    }
}

/// What several filters say of a call together: the sternest word wins, as in the kernel. Without any: allowed.
pub fn run_all<'a>(programs: impl IntoIterator<Item = &'a [Instruction]>, call: &Call) -> Option<Action> {
    let mut sternest = super::rules::ALLOW;
    for program in programs {
        let action = run(program, call)?;
        // KILL_PROCESS is the sternest of all: the kernel compares as signed numbers.
        if rank(action) < rank(sternest) {
            sternest = action;
        }
    }
    Some(sternest)
}

fn rank(action: Action) -> i64 {
    let kind = i64::from(action & 0xffff_0000);
    if kind == i64::from(KILL_PROCESS) { -1 } else { kind }
}

#[cfg(test)]
mod tests {
    use super::super::rules::{ALLOW, errno};
    use super::*;

    fn one(code: u16, jt: u8, jf: u8, k: u32) -> Instruction {
        Instruction { code, jt, jf, k }
    }

    #[test]
    fn every_kind_of_instruction_is_known() {
        let call = Call { number: 7, architecture: 9, place: 5 << 32 | 6, arguments: [1, 2, 3, 4, 5, 8 << 32 | 77] };
        for (program, result) in [
            (vec![one(0x20, 0, 0, 0), one(0x16, 0, 0, 0)], 7),
            (vec![one(0x20, 0, 0, 4), one(0x16, 0, 0, 0)], 9),
            (vec![one(0x20, 0, 0, 8), one(0x16, 0, 0, 0)], 6),
            (vec![one(0x20, 0, 0, 12), one(0x16, 0, 0, 0)], 5),
            (vec![one(0x20, 0, 0, 56), one(0x16, 0, 0, 0)], 77),
            (vec![one(0x20, 0, 0, 60), one(0x16, 0, 0, 0)], 8),
            (
                vec![
                    one(0x00, 0, 0, 3),
                    one(0x02, 0, 0, 1),
                    one(0x61, 0, 0, 1),
                    one(0x0c, 0, 0, 0),
                    one(0x16, 0, 0, 0),
                ],
                6,
            ),
            (vec![one(0x80, 0, 0, 0), one(0x74, 0, 0, 3), one(0x16, 0, 0, 0)], 8),
            (vec![one(0x00, 0, 0, 1), one(0x84, 0, 0, 0), one(0x16, 0, 0, 0)], u32::MAX),
            (vec![one(0x00, 0, 0, 6), one(0x45, 0, 1, 2), one(0x06, 0, 0, 1), one(0x06, 0, 0, 2)], 1),
            (vec![one(0x00, 0, 0, 6), one(0x25, 1, 0, 5), one(0x06, 0, 0, 1), one(0x06, 0, 0, 2)], 2),
            (vec![one(0x05, 0, 0, 1), one(0x06, 0, 0, 1), one(0x06, 0, 0, 2)], 2),
            (
                vec![
                    one(0x00, 0, 0, 6),
                    one(0x07, 0, 0, 0),
                    one(0x00, 0, 0, 7),
                    one(0x3d, 1, 0, 0),
                    one(0x06, 0, 0, 1),
                    one(0x87, 0, 0, 0),
                    one(0x16, 0, 0, 0),
                ],
                6,
            ),
            (vec![one(0x00, 0, 0, 6), one(0x3c, 0, 0, 0), one(0x06, 0, 0, 9)], 0),
        ] {
            assert_eq!(run(&program, &call), Some(result), "{program:?}");
        }
    }

    #[test]
    fn what_the_kernel_would_not_take_has_no_answer() {
        for program in [
            vec![],
            vec![one(0x20, 0, 0, 0)],
            vec![one(0x20, 0, 0, 64), one(0x16, 0, 0, 0)],
            vec![one(0x20, 0, 0, 2), one(0x16, 0, 0, 0)],
            vec![one(0x02, 0, 0, 16), one(0x16, 0, 0, 0)],
            vec![one(0x05, 0, 0, u32::MAX), one(0x16, 0, 0, 0)],
            vec![one(0xffff, 0, 0, 0), one(0x16, 0, 0, 0)],
        ] {
            assert_eq!(run(&program, &Call::default()), None, "{program:?}");
        }
    }

    #[test]
    fn the_sternest_of_several_filters_wins() {
        let says = |action| vec![one(0x06, 0, 0, action)];
        for (actions, result) in [
            (vec![], ALLOW),
            (vec![ALLOW, errno(1)], errno(1)),
            (vec![errno(38), ALLOW], errno(38)),
            (vec![0, KILL_PROCESS, errno(1)], KILL_PROCESS),
        ] {
            let programs: Vec<_> = actions.iter().map(|action| says(*action)).collect();
            let all = run_all(programs.iter().map(Vec::as_slice), &Call::default());
            assert_eq!(all, Some(result), "{actions:x?}");
        }
    }
}
