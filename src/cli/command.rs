//! From argv to a command's `run()`: finds it in the tree, builds its clap definition alone, parses as Go's pflag does.

use super::error::Usage;
use super::{TREE, UNBUILT, complete, error, flags, globals, help, logger, oci};
use crate::config::{self, Config, Program};
use crate::engine::{self, Engine};
use crate::fault::Fault;
use anyhow::Result;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::error::{ContextKind, ErrorKind};
use clap::{Arg, ArgAction, ArgMatches};
use std::any::TypeId;
use std::ffi::OsString;

/// One command, or a group of them.
pub struct Command {
    /// What people type.
    pub name: &'static str,
    /// Other spellings, not listed by help.
    pub aliases: &'static [&'static str],
    /// What it is.
    pub kind: Kind,
}

/// A command that does something, or one that has others beneath it.
pub enum Kind {
    /// Its clap definition and what it does.
    Leaf {
        /// Adds its arguments (and its `about`) to an empty clap command.
        define: fn(clap::Command) -> clap::Command,
        /// What it does.
        run: Run,
    },
    /// Others beneath it.
    Group {
        /// One line for help.
        about: &'static str,
        /// The commands beneath it.
        commands: &'static [Command],
    },
}

/// What a command needs to run.
pub enum Run {
    /// The engine: configuration and store.
    Engine(fn(&ArgMatches, &Engine) -> Result<()>),
    /// The configuration only.
    Config(fn(&ArgMatches, &Config) -> Result<()>),
    /// Neither: a command of the OCI runtime, with the options that stand before it.
    Runtime(fn(&ArgMatches, &oci::Globals) -> Result<()>),
}

/// A command that works on the engine: `leaf!(name, [aliases], module)`.
macro_rules! leaf {
    ($name:literal, $($module:ident)::+) => { leaf!($name, [], $($module)::+) };
    ($name:literal, [$($alias:literal),*], $($module:ident)::+) => {
        Command {
            name: $name,
            aliases: &[$($alias),*],
            kind: $crate::cli::command::Kind::Leaf {
                define: |command| <$($module)::+::Args as clap::Args>::augment_args(command),
                run: $crate::cli::command::Run::Engine(|matches, engine| {
                    $($module)::+::run(&<$($module)::+::Args as clap::FromArgMatches>::from_arg_matches(matches)?, engine)
                }),
            },
        }
    };
}

/// A command that needs the configuration only.
macro_rules! light {
    ($name:literal, $($module:ident)::+) => {
        Command {
            name: $name,
            aliases: &[],
            kind: $crate::cli::command::Kind::Leaf {
                define: |command| <$($module)::+::Args as clap::Args>::augment_args(command),
                run: $crate::cli::command::Run::Config(|matches, config| {
                    $($module)::+::run(&<$($module)::+::Args as clap::FromArgMatches>::from_arg_matches(matches)?, config)
                }),
            },
        }
    };
}

/// Commands beneath one name.
macro_rules! group {
    ($name:literal, $about:literal, $commands:ident) => {
        Command {
            name: $name,
            aliases: &[],
            kind: $crate::cli::command::Kind::Group { about: $about, commands: $commands },
        }
    };
}

/// A command of the OCI runtime.
macro_rules! runtime {
    ($name:literal, $($module:ident)::+) => {
        Command {
            name: $name,
            aliases: &[],
            kind: $crate::cli::command::Kind::Leaf {
                define: |command| <$($module)::+::Args as clap::Args>::augment_args(command),
                run: $crate::cli::command::Run::Runtime(|matches, globals| {
                    $($module)::+::run(&<$($module)::+::Args as clap::FromArgMatches>::from_arg_matches(matches)?, globals)
                }),
            },
        }
    };
}

pub(super) use {group, leaf, light, runtime};

impl Command {
    /// The clap definition as its author wrote it: for help, man pages and completions.
    pub fn definition(&self) -> clap::Command {
        let empty = clap::Command::new(self.name).disable_help_flag(true).disable_version_flag(true);
        match self.kind {
            Kind::Leaf { define, .. } => define(empty),
            Kind::Group { about, commands } => empty
                .about(about)
                .subcommand_required(true)
                .disable_help_subcommand(true)
                .subcommands(commands.iter().map(|command| command.definition().visible_aliases(command.aliases))),
        }
    }

    fn is(&self, name: &str) -> bool {
        self.name == name || self.aliases.contains(&name)
    }
}

/// The command that `words` name, its full name ("container rm"), and the words after it.
pub enum Found<'a> {
    /// A command that does something.
    Leaf(&'static Command, String, &'a [OsString]),
    /// A group, without a word after it.
    Group(&'static [Command], String),
    /// A word that is no command of this group.
    Unknown(String, &'a str),
}

/// Walks the tree.
pub fn find(words: &[OsString]) -> Found<'_> {
    let mut commands = TREE;
    let mut path = String::new();
    for (index, word) in words.iter().enumerate() {
        let word = word.to_str().unwrap_or("\u{fffd}");
        let Some(command) = commands.iter().find(|command| command.is(word)) else {
            return Found::Unknown(path, word);
        };
        if !path.is_empty() {
            path.push(' ');
        }
        path.push_str(word);
        match command.kind {
            Kind::Leaf { .. } => return Found::Leaf(command, path, &words[index + 1..]),
            Kind::Group { commands: beneath, .. } => commands = beneath,
        }
    }
    Found::Group(commands, path)
}

/// See [`super::main`].
pub fn main(program: Program, argv: Vec<OsString>) -> u8 {
    let words = argv.get(1..).unwrap_or_default();
    if let Some(words) = oci::is_asked_for(&argv) {
        return oci::main(&argv, words);
    }
    if let Some(code) = complete::hidden(program, words) {
        return code;
    }
    let mut path = String::new();
    match dispatch(program, words, &mut path) {
        Ok(()) => 0,
        Err(error) => error::report(program, &path, &error),
    }
}

fn dispatch(program: Program, words: &[OsString], path: &mut String) -> Result<()> {
    let (mut flags, words) = globals::parse(program, words)?;
    if flags.version {
        return help::print_version(program);
    }
    // `podman help rm` is `podman rm --help`.
    let asked_for_help = flags.help || words.first().is_some_and(|word| word == "help");
    let words = if words.first().is_some_and(|word| word == "help") { &words[1..] } else { words };
    // `podman container --help`: the flag may stand between the words of a command's name.
    let (words, asked_for_help) = match words.split_last() {
        Some((last, before)) if last == "--help" || last == "-h" => match find(before) {
            Found::Group(..) => (before, true),
            _ => (words, asked_for_help),
        },
        _ => (words, asked_for_help),
    };
    match find(words) {
        Found::Unknown(path, word) => {
            let unbuilt = UNBUILT.iter().any(|(group, names)| *group == path && names.contains(&word));
            let answer = if unbuilt { error::unbuilt_command } else { error::unknown_command };
            Err(answer(program, &path, word).into())
        }
        Found::Group(commands, found) => {
            help::print_group(program, &found, commands)?;
            match asked_for_help || program == Program::Docker {
                true => Ok(()),
                false => Err(error::missing_command(program, &found).into()),
            }
        }
        Found::Leaf(command, found, rest) => {
            path.clone_from(&found);
            if asked_for_help {
                return help::print_command(program, &found, &command.definition());
            }
            let Kind::Leaf { define, ref run } = command.kind else { return Ok(()) };
            let standby = if STARTING.contains(&command.name) { engine::stand_by(is_offline(rest)) } else { None };
            let matches = match parse(command, define, program, &found, rest, &mut flags)? {
                Some(matches) => matches,
                None => return help::print_command(program, &found, &command.definition()),
            };
            logger::start(&flags)?;
            flags.redirect_output()?;
            let config = config::read(&flags.for_config(program)?)?;
            globals::Flags::check_environment(&config)?;
            match run {
                Run::Runtime(run) => run(&matches, &oci::Globals::default()),
                Run::Config(run) => run(&matches, &config),
                Run::Engine(run) => {
                    let engine = Engine::open(config)?.with_standby(standby);
                    error::notice(&engine);
                    run(&matches, &engine)
                }
            }
        }
    }
}

/// The commands that start something as soon as their arguments are read.
const STARTING: &[&str] = &["run", "start", "exec"];

/// Whether these arguments as good as say that the container will have no network. A wrong guess costs only time.
fn is_offline(words: &[OsString]) -> bool {
    let is_none = |word: &OsString| word == "--network=none" || word == "--net=none";
    let are_none = |pair: &[OsString]| (pair[0] == "--network" || pair[0] == "--net") && pair[1] == "none";
    words.iter().any(is_none) || words.windows(2).any(are_none)
}

/// Parses `words` as the arguments of one command; `None` when help was asked for.
fn parse(
    command: &Command,
    define: fn(clap::Command) -> clap::Command,
    program: Program,
    path: &str,
    words: &[OsString],
    flags: &mut globals::Flags,
) -> Result<Option<ArgMatches>> {
    let defined = define(clap::Command::new(command.name).disable_help_flag(true).disable_version_flag(true));
    let arity = Arity::of(&defined);
    let with_globals = globals::are_among(words);
    let adapted = as_pflag(if with_globals { globals::add_to(defined) } else { defined });
    let usage = |error: clap::Error, command: &clap::Command| Usage::from_clap(program, path, &error, command, words);
    let mut adapted = adapted.no_binary_name(true);
    let matches = match adapted.try_get_matches_from_mut(words) {
        Ok(matches) => matches,
        Err(error) if error.kind() == ErrorKind::DisplayHelp => return Ok(None),
        Err(error) => {
            let flag = context(&error, ContextKind::InvalidArg);
            let creates = matches!(command.name, "run" | "create") && error.kind() == ErrorKind::UnknownArgument;
            return match creates.then(|| flags::unbuilt::refusal(&flag)).flatten() {
                Some(fault) => Err(fault.into()),
                None => Err(usage(error, &adapted).into()),
            };
        }
    };
    arity.check(program, path, &matches)?;
    if with_globals {
        flags.merge(&matches)?;
    }
    Ok(Some(matches))
}

/// What differs between clap and Go's pflag, changed for every flag alike: booleans take `=true` or `=false`, values
/// may begin with a hyphen, the last of several wins, `--help` is ours, and too few or too many arguments are counted
/// afterwards (so that the error can name both numbers).
pub fn as_pflag(command: clap::Command) -> clap::Command {
    let has_short_h = command.get_arguments().any(|arg| arg.get_short() == Some('h'));
    let has_help = command.get_arguments().any(|arg| arg.get_long() == Some("help"));
    let variadic = command.get_positionals().last().is_some_and(takes_many);
    let next = command.get_positionals().count() + 1;
    let mut command = command.args_override_self(true).mut_args(|arg| {
        if arg.is_positional() {
            return arg.required(false);
        }
        let is_bool = arg.get_value_parser().type_id() == TypeId::of::<bool>();
        match arg.get_action() {
            ArgAction::SetTrue => as_go_bool(arg).default_value("false"),
            ArgAction::SetFalse => arg,
            ArgAction::Set if is_bool => as_go_bool(arg),
            // An optional value (`--flag[=X]`) must not swallow the next word.
            ArgAction::Set | ArgAction::Append if arg.get_num_args().is_none_or(|range| range.min_values() > 0) => {
                arg.allow_hyphen_values(true)
            }
            _ => arg,
        }
    });
    if !has_help {
        let help = Arg::new("help").long("help").action(ArgAction::Help).help("Print usage");
        command = command.arg(if has_short_h { help } else { help.short('h') });
    }
    if !variadic {
        command = command
            .arg(Arg::new(SURPLUS).index(next).num_args(0..).action(ArgAction::Append).hide(true).required(false));
    }
    command
}

const SURPLUS: &str = "surplus arguments";

fn takes_many(arg: &Arg) -> bool {
    arg.get_num_args().is_some_and(|range| range.max_values() > 1) || matches!(arg.get_action(), ArgAction::Append)
}

/// The words that Go's `strconv.ParseBool` takes.
pub fn as_go_bool(arg: Arg) -> Arg {
    const WORDS: [&str; 12] = ["1", "t", "T", "true", "TRUE", "True", "0", "f", "F", "false", "FALSE", "False"];
    arg.action(ArgAction::Set)
        .num_args(0..=1)
        .require_equals(true)
        .default_missing_value("true")
        .value_parser(PossibleValuesParser::new(WORDS).map(|word| matches!(word.as_bytes()[0], b'1' | b't' | b'T')))
}

/// How many arguments a command takes.
pub(super) struct Arity {
    least: usize,
    most: Option<usize>,
    names: Vec<String>,
}

impl Arity {
    /// Of a command as its author wrote it.
    pub(super) fn of(command: &clap::Command) -> Self {
        let mut arity = Arity { least: 0, most: Some(0), names: vec![SURPLUS.to_string()] };
        for arg in command.get_positionals() {
            arity.names.push(arg.get_id().to_string());
            if arg.is_required_set() {
                arity.least += arg.get_num_args().map_or(1, |range| range.min_values().max(1));
            }
            arity.most = match (arity.most, takes_many(arg)) {
                (Some(most), false) => Some(most + 1),
                _ => None,
            };
        }
        arity
    }

    /// Complains of too many or too few.
    pub(super) fn check(&self, program: Program, path: &str, matches: &ArgMatches) -> Result<(), Usage> {
        let given = |name: &String| matches.get_raw(name).map_or(0, Iterator::count);
        let given: usize = self
            .names
            .iter()
            .filter(|name| matches.try_get_raw(name).is_ok_and(|values| values.is_some()))
            .map(given)
            .sum();
        match (self.least, self.most) {
            (least, _) if given < least => {}
            (_, Some(most)) if given > most => {}
            _ => return Ok(()),
        }
        Err(Usage::wrong_number(program, path, self.least, self.most, given))
    }
}

/// The text of one piece of a clap error's context.
pub(super) fn context(error: &clap::Error, kind: ContextKind) -> String {
    match error.get(kind) {
        Some(clap::error::ContextValue::String(text)) => text.clone(),
        Some(clap::error::ContextValue::Strings(texts)) => texts.join(" "),
        _ => String::new(),
    }
}

/// A flag or value that is understood but not built: never ignored, always refused by its name.
pub fn refuse(flag: &str, why: &str) -> Fault {
    Fault::unsupported(format!("{flag}: not supported yet: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(commands: &'static [Command], path: &str, found: &mut Vec<(String, &'static Command)>) {
        for command in commands {
            let path = format!("{path} {}", command.name);
            match command.kind {
                Kind::Group { commands, .. } => leaves(commands, &path, found),
                Kind::Leaf { .. } => found.push((path, command)),
            }
        }
    }

    #[test]
    fn every_definition_is_sound() {
        let mut found = Vec::new();
        leaves(TREE, "", &mut found);
        assert!(found.len() > 50, "{}", found.len());
        for (path, command) in found {
            // clap's own checks: no letter or name twice, no wrong default.
            command.definition().debug_assert();
            as_pflag(globals::add_to(command.definition())).debug_assert();
            assert!(command.definition().get_about().is_some(), "{path}: no help");
        }
        globals::definition(clap::Command::new("barge"), Program::Docker)
            .disable_help_flag(true)
            .disable_version_flag(true)
            .debug_assert();
    }

    #[test]
    fn words_are_taken_as_pflag_takes_them() {
        #[derive(Debug, clap::Args)]
        struct Args {
            #[arg(short, long)]
            all: bool,
            #[arg(short, long)]
            interactive: bool,
            #[arg(short = 'n', long)]
            number: Option<i64>,
            #[arg(short, long)]
            env: Vec<String>,
            #[arg(trailing_var_arg = true)]
            words: Vec<String>,
        }
        let parse = |line: &str| {
            let command = as_pflag(<Args as clap::Args>::augment_args(clap::Command::new("x").disable_help_flag(true)));
            let matches = command.no_binary_name(true).try_get_matches_from(line.split_whitespace());
            matches.map(|matches| <Args as clap::FromArgMatches>::from_arg_matches(&matches).unwrap())
        };
        for (line, shown) in [
            ("-ai", (true, true, None, "", "")),
            ("--all=true --interactive=0", (true, false, None, "", "")),
            ("-a=false", (false, false, None, "", "")),
            ("--all --all=F", (false, false, None, "", "")),
            ("-n -1", (false, false, Some(-1), "", "")),
            ("-n5", (false, false, Some(5), "", "")),
            ("-n=5", (false, false, Some(5), "", "")),
            ("--number 1 --number 2", (false, false, Some(2), "", "")),
            ("-e A=b -e --x -aeC", (true, false, None, "A=b --x C", "")),
            ("img -a --nosuch -- x", (false, false, None, "", "img -a --nosuch -- x")),
            ("-a -- -i", (true, false, None, "", "-i")),
        ] {
            let args = parse(line).unwrap_or_else(|error| panic!("{line}: {error}"));
            let (env, words) = (args.env.join(" "), args.words.join(" "));
            assert_eq!((args.all, args.interactive, args.number, &*env, &*words), shown, "{line}");
        }
        for line in ["--nosuch", "--all=x", "-n", "-z", "--number=x"] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
