//! A profile with all its conditions settled: what the compiler takes.

/// What the kernel does with a call: a filter's return value.
pub type Action = u32;

/// Lets it happen.
pub const ALLOW: Action = 0x7fff_0000;
/// Lets it happen, and logs it.
pub const LOG: Action = 0x7ffc_0000;
/// Asks a tracer.
pub const TRACE: Action = 0x7ff0_0000;
/// SIGSYS.
pub const TRAP: Action = 0x0003_0000;
/// Ends the thread.
pub const KILL_THREAD: Action = 0;
/// Ends the process.
pub const KILL_PROCESS: Action = 0x8000_0000;

/// Fails with this error.
pub fn errno(number: u32) -> Action {
    0x0005_0000 | number & 0xffff
}

/// A whole profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// For what no rule names.
    pub default: Action,
    /// It also holds for 32-bit programs; without, they are killed.
    pub i386: bool,
    /// It also holds for x32 programs; without, they are killed.
    pub x32: bool,
    /// Any order. Names that an architecture doesn't have mean nothing to it.
    pub rules: Vec<Rule>,
    /// `SECCOMP_FILTER_FLAG_…`
    pub flags: u64,
}

/// An action for one system call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Its name.
    pub name: std::borrow::Cow<'static, str>,
    /// What is done.
    pub action: Action,
    /// Only when all of these hold; none: always. A rule without arguments overrides those with.
    pub arguments: Vec<Argument>,
}

/// A condition on one argument, all 64 bits of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Argument {
    /// 0..=5
    pub index: u8,
    /// How it is compared.
    pub compare: Compare,
    /// With what.
    pub value: u64,
    /// For [`Compare::Masked`]: these bits of it.
    pub mask: u64,
}

/// How an argument is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Compare {
    Equal,
    NotEqual,
    Less,
    AtMost,
    AtLeast,
    Greater,
    Masked,
}
