//! What goes wrong, in the words of the program we were called as. Everything else speaks podman's.

use super::command::context;
use super::globals::flag_of;
use crate::config::Program;
use crate::engine::Engine;
use crate::fault::{Fault, Kind};
use anyhow::Error;
use clap::error::{ContextKind, ErrorKind};
use std::any::TypeId;
use std::ffi::OsString;
use std::fmt;
use std::io::{IsTerminal as _, Write as _};

/// A command line that can't be understood: an error, and where to read on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    /// Without `Error: `.
    pub what: String,
    /// The line after it; empty: none.
    pub see: String,
    /// 125; docker leaves with 1 after an unknown command.
    pub code: u8,
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Usage {}

/// `podman ps`, `docker`: the words that were typed.
pub fn full(program: Program, path: &str) -> String {
    if path.is_empty() { program.name().to_string() } else { format!("{} {path}", program.name()) }
}

/// A word that is no command.
pub fn unknown_command(program: Program, path: &str, word: &str) -> Usage {
    let parent = full(program, path);
    match program {
        Program::Docker => Usage {
            what: format!("docker: unknown command: {parent} {word}"),
            see: format!("\nRun '{parent} --help' for more information"),
            code: 1,
        },
        _ => Usage {
            what: format!("unrecognized command `{parent} {word}`"),
            see: format!("Try '{parent} --help' for more information"),
            code: 125,
        },
    }
}

/// A command that docker or podman has and we have not yet.
pub fn unbuilt_command(program: Program, path: &str, word: &str) -> Usage {
    let name = format!("{path} {word}");
    let what = format!("{}: not supported yet", name.trim_start());
    match program {
        Program::Docker => Usage { what: format!("Error: {what}"), see: String::new(), code: 1 },
        _ => Usage::new(what),
    }
}

/// A group's name alone.
pub fn missing_command(program: Program, path: &str) -> Usage {
    Usage::new(format!("missing command '{} COMMAND'", full(program, path)))
}

/// podman's sentences for a command without its container; docker says a number.
const NOTHING_NAMED: [&str; 9] = [
    "you must provide at least one name or id",
    "start requires at least one argument",
    "you must provide the name or id of a running container",
    "you must supply a running container name or id",
    "no names or ids specified",
    "specify at least one container name or ID to log",
    "exec requires the name or ID of a container or the --latest flag",
    "image name or ID must be specified",
    "requires a name, id, or the \"--latest\" flag",
];

/// The same complaint as docker has it.
fn as_docker_counts(usage: &Usage, path: &str) -> Option<Usage> {
    let known = NOTHING_NAMED.iter().any(|sentence| usage.what.ends_with(sentence))
        || usage.what == "requires at least 1 arg(s), only received 0";
    let (least, most) = match path.rsplit(' ').next() {
        Some("exec") => (2, None),
        Some("attach") => (1, Some(1)),
        Some("port") => (1, Some(2)),
        _ => (1, None),
    };
    (known && usage.see.is_empty()).then(|| Usage::wrong_number(Program::Docker, path, least, most, 0))
}

impl Usage {
    /// Nothing to add where to read on.
    pub fn new(what: impl Into<String>) -> Self {
        Usage { what: what.into(), see: String::new(), code: 125 }
    }

    /// A flag's value that makes no sense, and where to read on.
    pub fn flag(program: Program, path: &str, what: impl Into<String>) -> Self {
        Usage { what: what.into(), see: Usage::see(program, path), code: 125 }
    }

    fn see(program: Program, path: &str) -> String {
        match program {
            Program::Docker => format!("\nRun '{} --help' for more information", full(program, path)),
            _ => format!("See '{} --help'", full(program, path)),
        }
    }

    /// Too few or too many arguments, in cobra's words or docker's.
    pub fn wrong_number(program: Program, path: &str, least: usize, most: Option<usize>, given: usize) -> Self {
        let name = full(program, path);
        let what = match (program, least, most) {
            (Program::Docker, 0, Some(0)) => format!("docker: '{name}' accepts no arguments"),
            (Program::Docker, least, most) => {
                let number = match most {
                    None => format!("at least {least}"),
                    Some(most) if most == least => least.to_string(),
                    Some(most) if least == 0 => format!("at most {most}"),
                    Some(most) => format!("at least {least} and at most {most}"),
                };
                let several = if most.unwrap_or(least) == 1 { "" } else { "s" };
                format!("docker: '{name}' requires {number} argument{several}")
            }
            (_, 0, Some(0)) => format!("`{name}` takes no arguments"),
            (_, least, None) => format!("requires at least {least} arg(s), only received {given}"),
            (_, least, Some(most)) if least == most => format!("accepts {least} arg(s), received {given}"),
            (_, 0, Some(most)) => format!("accepts at most {most} arg(s), received {given}"),
            (_, least, Some(most)) => format!("accepts between {least} and {most} arg(s), received {given}"),
        };
        match program {
            Program::Docker => {
                let arguments = super::help::arguments(path);
                let usage = format!("{name} [OPTIONS] {arguments}");
                Usage {
                    what,
                    see: format!("\nUsage:  {}\n\nSee '{name} --help' for more information", usage.trim_end()),
                    code: 1,
                }
            }
            _ => Usage { what, see: String::new(), code: 125 },
        }
    }

    /// clap's complaint in pflag's words.
    pub fn from_clap(
        program: Program,
        path: &str,
        error: &clap::Error,
        command: &clap::Command,
        words: &[OsString],
    ) -> Self {
        let value = context(error, ContextKind::InvalidValue);
        let what = match error.kind() {
            ErrorKind::UnknownArgument => unknown_flag(&context(error, ContextKind::InvalidArg), words),
            // An option at the end of the line, without its value.
            ErrorKind::InvalidValue | ErrorKind::TooFewValues | ErrorKind::WrongNumberOfValues if value.is_empty() => {
                needs_argument(&flag_of(error), command, words)
            }
            ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
                let arg = named(&flag_of(error), command);
                let kind = arg.map(|arg| arg.get_value_parser().type_id());
                let is = |id: TypeId| kind.as_ref().is_some_and(|kind| *kind == id);
                let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
                let why = if is(TypeId::of::<bool>()) {
                    format!("strconv.ParseBool: parsing \"{value}\": invalid syntax")
                } else if [TypeId::of::<u16>(), TypeId::of::<u32>(), TypeId::of::<u64>()].into_iter().any(is) {
                    format!("strconv.ParseUint: parsing \"{value}\": {}", number_fault(&cause))
                } else if [TypeId::of::<i32>(), TypeId::of::<i64>()].into_iter().any(is) {
                    format!("strconv.ParseInt: parsing \"{value}\": {}", number_fault(&cause))
                } else if cause.is_empty() {
                    let valid = context(error, ContextKind::ValidValue).replace(' ', ", ");
                    format!("must be one of: {valid}")
                } else {
                    cause
                };
                format!("invalid argument \"{value}\" for \"{}\" flag: {why}", both_names(arg, &flag_of(error)))
            }
            ErrorKind::InvalidUtf8 => "an argument is not valid UTF-8".to_string(),
            _ => {
                let text = error.to_string();
                let first = text.lines().next().unwrap_or_default();
                first.strip_prefix("error: ").unwrap_or(first).to_string()
            }
        };
        Usage { what, see: Usage::see(program, path), code: 125 }
    }
}

fn number_fault(cause: &str) -> &'static str {
    // clap's own words for a number that does not fit: `300 is not in 0..=255`, `number too large to fit …`.
    if cause.contains("is not in") || cause.contains("too large") || cause.contains("too small") {
        "value out of range"
    } else {
        "invalid syntax"
    }
}

fn unknown_flag(flag: &str, words: &[OsString]) -> String {
    match flag.strip_prefix("--") {
        Some(name) => format!("unknown flag: --{}", name.split('=').next().unwrap_or(name)),
        None => {
            let letter = flag.trim_start_matches('-');
            // pflag also says in which word it was: `-aQx`.
            let word = words
                .iter()
                .filter_map(|word| word.to_str())
                .find(|word| word.starts_with('-') && !word.starts_with("--") && word.contains(letter))
                .unwrap_or(flag);
            format!("unknown shorthand flag: '{letter}' in {word}")
        }
    }
}

fn needs_argument(flag: &str, command: &clap::Command, words: &[OsString]) -> String {
    let last = words.last().and_then(|word| word.to_str()).unwrap_or_default();
    let short = named(flag, command).and_then(clap::Arg::get_short);
    match short {
        Some(letter) if !last.starts_with("--") && last.ends_with(letter) => {
            format!("flag needs an argument: '{letter}' in {last}")
        }
        _ => format!("flag needs an argument: {flag}"),
    }
}

fn named<'a>(flag: &str, command: &'a clap::Command) -> Option<&'a clap::Arg> {
    command.get_arguments().find(|arg| match flag.strip_prefix("--") {
        Some(long) => arg.get_long() == Some(long),
        None => arg.get_short().is_some_and(|short| flag.trim_start_matches('-') == short.to_string()),
    })
}

/// `-a, --all`, as pflag names a flag.
fn both_names(arg: Option<&clap::Arg>, flag: &str) -> String {
    match arg.map(|arg| (arg.get_short(), arg.get_long())) {
        Some((Some(short), Some(long))) => format!("-{short}, --{long}"),
        Some((None, Some(long))) => format!("--{long}"),
        _ => flag.to_string(),
    }
}

/// Prints what went wrong and returns the exit code.
pub fn report(program: Program, path: &str, error: &Error) -> u8 {
    let mut stderr = std::io::stderr().lock();
    if is_broken_pipe(error) {
        // Whoever read our output has seen enough.
        return 141;
    }
    if let Some(usage) = error.downcast_ref::<Usage>() {
        let counted = (program == Program::Docker).then(|| as_docker_counts(usage, path)).flatten();
        let usage = counted.as_ref().unwrap_or(usage);
        let lead = if program == Program::Docker { "" } else { "Error: " };
        let _ = writeln!(stderr, "{lead}{}", without_numbers(&usage.what));
        if !usage.see.is_empty() {
            let _ = writeln!(stderr, "{}", usage.see);
        }
        return usage.code;
    }
    let code = exit_code(program, path, error);
    let text = words(error);
    if !text.is_empty() {
        let text = in_words_of(program, path, Fault::kind_of(error), &text);
        let _ = writeln!(stderr, "{}", super::output::one_line(&text));
        if program == Program::Docker && path.rsplit(' ').next() == Some("run") {
            let _ = writeln!(stderr, "{}", Usage::see(program, path));
        }
        if let Some(hint) = Fault::of(error).and_then(|fault| fault.hint.as_ref()).filter(|_| stderr.is_terminal()) {
            let _ = writeln!(stderr, "Hint: {hint}");
        }
    }
    code
}

/// One error among several, as a line.
pub fn line(program: Program, error: &Error) -> String {
    super::output::one_line(&in_words_of(program, "", Fault::kind_of(error), &words(error)))
}

/// The chain of causes as one line, each said once; empty when there is nothing to say.
pub fn words(error: &Error) -> String {
    if matches!(Fault::of(error), Some(Fault { kind: Kind::Exit(_), .. })) {
        return String::new();
    }
    if let Some(error) = error.downcast_ref::<clap::Error>() {
        let text = error.to_string();
        return without_numbers(text.trim_start_matches("error: ").trim_end());
    }
    let mut text = String::new();
    for cause in error.chain() {
        let cause = without_numbers(&cause.to_string());
        if text.ends_with(&cause) || cause.is_empty() {
            continue;
        }
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&cause);
    }
    text
}

/// Without the ` (os error 2)` that Rust adds to the kernel's words. A name that happens to have it keeps it: only after
/// the words for just that number it is Rust's.
pub(super) fn without_numbers(text: &str) -> String {
    const LEAD: &str = " (os error ";
    let mut kept = String::new();
    let mut rest = text;
    while let Some((words, after)) = rest.split_once(LEAD) {
        kept.push_str(words);
        let number = after.split_once(')').and_then(|(number, after)| Some((number.parse().ok()?, after)));
        rest = match number {
            Some((number, after)) if is_said(&kept, number) => after,
            _ => {
                kept.push_str(LEAD);
                after
            }
        };
    }
    kept.push_str(rest);
    kept
}

/// Whether `text` ends with the words for this number.
fn is_said(text: &str, number: i32) -> bool {
    let words = std::io::Error::from_raw_os_error(number).to_string();
    words.split_once(" (os error ").is_some_and(|(words, _)| text.ends_with(words))
}

fn is_broken_pipe(error: &Error) -> bool {
    error.chain().filter_map(|cause| cause.downcast_ref::<super::output::Closed>()).next().is_some()
}

/// podman leaves with 125; docker with 1, and 125 only from `run` and `create`.
fn exit_code(program: Program, path: &str, error: &Error) -> u8 {
    let kind = Fault::kind_of(error);
    let command = path.rsplit(' ').next().unwrap_or(path);
    match (program, kind) {
        (_, Kind::Exit(code)) => code,
        (Program::Docker, Kind::NotExecutable | Kind::CommandNotFound) => kind.exit_code(),
        (Program::Docker, _) if !matches!(command, "run" | "create") => 1,
        _ => kind.exit_code(),
    }
}

/// Something the user should know, for people only: scripts see an empty standard error on success.
pub fn notice(engine: &Engine) {
    let mut stderr = std::io::stderr().lock();
    if !stderr.is_terminal() {
        return;
    }
    if let Some(line) = engine.notice() {
        let _ = writeln!(stderr, "Note: {line}");
    }
}

/// The whole line: `Error: …`, or docker's.
fn in_words_of(program: Program, path: &str, kind: Kind, text: &str) -> String {
    if program != Program::Docker {
        return format!("Error: {text}");
    }
    let lead = if path.rsplit(' ').next() == Some("run") { "docker: " } else { "" };
    match kind {
        Kind::Invalid | Kind::Unsupported => format!("{lead}{text}"),
        _ => format!("{lead}Error response from daemon: {}", as_docker_says(text)),
    }
}

/// podman's sentence → docker's, where scripts match on them.
pub fn as_docker_says(text: &str) -> String {
    if let Some(name) = between(text, "no container with name or ID \"", "\" found: no such container") {
        return format!("No such container: {name}");
    }
    if let Some(text) = of_pull(text) {
        return text;
    }
    if let Some(name) = text.strip_suffix(": image not known") {
        return format!("No such image: {name}");
    }
    if let Some((name, id)) = between(text, "the container name \"", "\" is already in use by ")
        .and_then(|name| Some((name, text.split(" is already in use by ").nth(1)?.split(['.', ' ']).next()?)))
    {
        let id = id.trim_matches('"');
        return format!(
            "Conflict. The container name \"/{name}\" is already in use by container \"{id}\". You have to remove (or rename) that container to be able to reuse that name."
        );
    }
    if let Some(id) = between(text, "cannot remove container ", " as it is running") {
        return format!(
            "cannot remove container \"{id}\": container is running: stop the container before removing or force remove"
        );
    }
    if let Some(id) = between(text, "can only kill running containers. ", " is in state") {
        return format!("cannot kill container: {id}: container {id} is not running");
    }
    const OCI: &str = "failed to create task for container: failed to create shim task: OCI runtime create failed: \
                       unable to start container process: exec:";
    if let Some(name) = between(text, "executable file `", "` not found in $PATH") {
        return format!("{OCI} {name:?}: executable file not found in $PATH: unknown");
    }
    if let Some(name) = between(text, "open executable `", "`: Permission denied") {
        return format!("{OCI} {name:?}: permission denied: unknown");
    }
    if text.contains("you can only attach to running containers") {
        return "You cannot attach to a stopped container, start it first".to_string();
    }
    text.to_string()
}

/// A registry that does not give an image.
fn of_pull(text: &str) -> Option<String> {
    let (name, why) = text.strip_prefix("initializing source docker://")?.split_once(": ")?;
    let name: crate::model::reference::Reference = name.parse().ok()?;
    let says = |words: &[&str]| words.iter().any(|word| why.contains(word));
    Some(if says(&["manifest unknown"]) {
        format!("manifest for {} not found: manifest unknown: manifest unknown", name.familiar())
    } else if why.starts_with("reading manifest") && says(&["unauthorized", "denied", "name unknown"]) {
        let repository = crate::model::reference::Reference { tag: None, digest: None, ..name };
        let repository = repository.familiar();
        format!("pull access denied for {repository}, repository does not exist or may require 'docker login'")
    } else {
        why.to_string()
    })
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    Some(rest.split_once(after)?.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context as _;

    #[test]
    fn docker_says_it_its_way() {
        for (podman, docker) in [
            ("no container with name or ID \"x\" found: no such container", "No such container: x"),
            ("x: image not known", "No such image: x"),
            (
                "the container name \"a\" is already in use by 12ab. You have to remove that container to be able to reuse that name: that name is already in use",
                "Conflict. The container name \"/a\" is already in use by container \"12ab\". You have to remove (or rename) that container to be able to reuse that name.",
            ),
            (
                "cannot remove container 12ab as it is running - running or paused containers cannot be removed without force: container state improper",
                "cannot remove container \"12ab\": container is running: stop the container before removing or force remove",
            ),
            (
                "crun: open executable `/etc`: Permission denied: OCI permission denied",
                "failed to create task for container: failed to create shim task: OCI runtime create failed: unable to start container process: exec: \"/etc\": permission denied: unknown",
            ),
            ("something else", "something else"),
        ] {
            assert_eq!(as_docker_says(podman), docker);
        }
    }

    #[test]
    fn causes_are_said_once_and_in_one_line() {
        let error = anyhow::anyhow!("no space").context("writing x: no space").context("creating");
        assert_eq!(words(&error), "creating: writing x: no space");
        assert_eq!(words(&Fault::exit(3).into()), "");
        let fault: Result<(), _> = Err(Fault::conflict("taken"));
        assert_eq!(words(&fault.context("renaming").unwrap_err()), "renaming: taken");
    }

    #[test]
    fn the_kernels_words_are_said_without_their_number() {
        for (text, said) in [
            ("No such file or directory (os error 2)", "No such file or directory"),
            (
                "a: Permission denied (os error 13): b: Is a directory (os error 21)",
                "a: Permission denied: b: Is a directory",
            ),
            ("opening x (os error 2): why", "opening x (os error 2): why"),
            ("x (os error ", "x (os error "),
            ("x (os error y) z", "x (os error y) z"),
        ] {
            assert_eq!(without_numbers(text), said);
        }
        let error = Error::new(std::io::Error::from_raw_os_error(2)).context("reading x");
        assert_eq!(words(&error), "reading x: No such file or directory");
    }

    #[test]
    fn codes_are_podmans_or_dockers() {
        let error = |kind| Error::new(Fault::new(kind, "x"));
        for (program, path, kind, code) in [
            (Program::Podman, "rm", Kind::NotFound, 125),
            (Program::Podman, "run", Kind::CommandNotFound, 127),
            (Program::Docker, "stop", Kind::NotFound, 1),
            (Program::Docker, "run", Kind::NotFound, 125),
            (Program::Docker, "container run", Kind::Conflict, 125),
            (Program::Docker, "run", Kind::NotExecutable, 126),
            (Program::Docker, "exec", Kind::Exit(7), 7),
        ] {
            assert_eq!(exit_code(program, path, &error(kind)), code, "{program:?} {path} {kind:?}");
        }
    }
}
