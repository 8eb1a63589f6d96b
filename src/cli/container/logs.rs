//! `logs`

use crate::cli::command::refuse;
use crate::cli::error::Usage;
use crate::cli::output::Closed;
use crate::cli::time;
use crate::engine::Engine;
use crate::engine::container;
use crate::engine::container::logs::{LogEvent, LogsOptions, Record, Stamp, Stream};
use crate::fault::Fault;
use anyhow::{Error, Result};
use std::io::{ErrorKind, Write};

/// Fetch the logs of one or more containers
///
/// Standard output goes to standard output, standard error to standard error.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Containers, by name or ID
    #[arg(value_name = "CONTAINER [CONTAINER...]")]
    containers: Vec<String>,
    /// Output the containers with different colors in the log
    #[arg(long, hide = true)]
    color: bool,
    /// Show extra details provided to the logs
    #[arg(long, hide = true)]
    details: bool,
    /// Go on until the container ends
    #[arg(short, long)]
    follow: bool,
    /// Act on the container that was created last
    #[arg(short, long)]
    latest: bool,
    /// Lead each line with the container's name
    #[arg(long)]
    names: bool,
    /// Only what was logged since then: 2026-11-21T14:00:00Z, a Unix time, or 10m for ten minutes ago
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only the last so many lines; "all" or -1 for all
    #[arg(short = 'n', long, value_name = "NUMBER", allow_hyphen_values = true)]
    tail: Option<String>,
    /// Lead each line with its time
    #[arg(short, long)]
    timestamps: bool,
    /// Only what was logged until then
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
}

/// Runs the command.
pub fn run(args: &Args, engine: &Engine) -> Result<()> {
    if args.details {
        return Err(refuse("--details", "the log holds no details").into());
    }
    if args.color {
        return Err(refuse("--color", "lines are shown as they were printed").into());
    }
    let ids = match (args.containers.as_slice(), args.latest) {
        ([], true) => vec![container::latest(engine)?],
        ([], false) => return Err(Usage::new("specify at least one container name or ID to log").into()),
        (_, true) => return Err(Usage::new("--latest and containers cannot be used together").into()),
        (names, false) => names.iter().map(|name| container::find(engine, name)).collect::<Result<_>>()?,
    };
    let names = if args.names {
        ids.iter().map(|id| container::logs::name(engine, id)).collect::<Result<_>>()?
    } else {
        ids.iter().map(|id| id.short().to_string()).collect()
    };
    let now = Stamp::now();
    let time = |flag: &str, text: &Option<String>| text.as_ref().map(|text| time::parse(flag, text, now)).transpose();
    let options = LogsOptions {
        follow: args.follow,
        tail: parse_tail(args.tail.as_deref())?,
        since: time("--since", &args.since)?,
        until: time("--until", &args.until)?,
    };
    let mut printer = Printer {
        names,
        show_names: args.names || ids.len() > 1,
        timestamps: args.timestamps,
        pending: Vec::new(),
        stream: Stream::Stdout,
        middle: [false; 2],
    };
    container::logs::logs(engine, &ids, &options, &mut |event| match event {
        LogEvent::Record(index, record) => printer.add(index, record),
        LogEvent::Missed(index) => printer.missed(index),
        LogEvent::Pause => printer.flush(),
    })
}

fn parse_tail(text: Option<&str>) -> Result<Option<u64>> {
    match text {
        None | Some("all" | "") => Ok(None),
        Some(text) if text.starts_with('-') && text[1..].parse::<u64>().is_ok() => Ok(None),
        Some(text) => text.parse().map(Some).map_err(|_| {
            Fault::invalid(format!("invalid argument \"{text}\" for \"--tail\" flag: not a number of lines")).into()
        }),
    }
}

/// Collects records into large writes, in order.
struct Printer {
    names: Vec<String>,
    show_names: bool,
    timestamps: bool,
    pending: Vec<u8>,
    stream: Stream,
    /// The last record of this stream didn't end its line: no prefix for the next.
    middle: [bool; 2],
}

const ENOUGH: usize = 64 * 1024;

impl Printer {
    fn add(&mut self, index: usize, record: &Record) -> Result<()> {
        if record.stream != self.stream || self.pending.len() >= ENOUGH {
            self.flush()?;
            self.stream = record.stream;
        }
        let middle = &mut self.middle[usize::from(record.stream == Stream::Stderr)];
        if !*middle {
            if self.show_names {
                self.pending.extend_from_slice(self.names[index].as_bytes());
                self.pending.push(b' ');
            }
            if self.timestamps {
                self.pending.extend_from_slice(record.time.fixed().as_bytes());
                self.pending.push(b' ');
            }
        }
        self.pending.extend_from_slice(&record.bytes);
        *middle = record.bytes.last() != Some(&b'\n');
        Ok(())
    }

    /// Says so where it shows, between what came before and what comes after.
    fn missed(&mut self, index: usize) -> Result<()> {
        self.flush()?;
        log::warn!("log of container {}: some lines were rotated away before they could be read", self.names[index]);
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        let written = match self.stream {
            Stream::Stdout => write(&mut std::io::stdout().lock(), &self.pending),
            Stream::Stderr => write(&mut std::io::stderr().lock(), &self.pending),
        };
        self.pending.clear();
        written
    }
}

fn write(out: &mut dyn Write, bytes: &[u8]) -> Result<()> {
    if bytes.is_empty() {
        return Ok(());
    }
    out.write_all(bytes).and_then(|()| out.flush()).map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Error::new(Closed),
        _ => Error::new(error).context("writing the log"),
    })
}
