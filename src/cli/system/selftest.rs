//! `selftest`

use crate::cli::flags::{ConfinementFlags, Host};
use crate::cli::output;
use crate::engine::{Engine, system};
use crate::fault::Fault;
use crate::model::selftest::{Grade, Verdict};
use anyhow::Result;
use std::fmt::Write as _;
use std::io::IsTerminal as _;

/// Look from inside a container at what holds it in, and tell what is closed and what is not
///
/// Takes run's flags, and looks at the container that they make: without any, at a default one. Leaves with 1 when
/// something is weak or open; a note is what engines leave to the user.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    confinement: ConfinementFlags,
    /// Go template, or json
    #[arg(long, value_name = "FORMAT")]
    format: Option<String>,
}

/// Runs the command.
pub fn run(args: &Args, engine: &Engine) -> Result<()> {
    let spec = args.confinement.spec(&Host::new(&engine.config))?;
    let verdict = system::selftest(engine, spec)?;
    match args.format.as_deref().map(str::trim) {
        None | Some("") => output::text(page(&verdict))?,
        Some("json") => output::line(serde_json::to_value(&verdict)?)?,
        format => output::documents_of("selftest", &[serde_json::to_value(&verdict)?], format)?,
    }
    if verdict.grade >= Grade::Weak { Err(Fault::exit(1).into()) } else { Ok(()) }
}

fn page(verdict: &Verdict) -> String {
    let colours = std::io::stdout().is_terminal();
    let mut page = String::new();
    for check in &verdict.checks {
        let word = format!("{:<5}", check.grade.word());
        let word = match check.grade {
            Grade::Ok if colours => format!("\x1b[32m{word}\x1b[m"),
            Grade::Weak if colours => format!("\x1b[33m{word}\x1b[m"),
            Grade::Open if colours => format!("\x1b[31m{word}\x1b[m"),
            _ => word,
        };
        let _ = write!(page, "{word} {:<23} {}", check.name, output::printable(&check.what));
        if let Some(close) = &check.close {
            let _ = write!(page, " → {close}");
        }
        page.push('\n');
    }
    let count = |grade| verdict.checks.iter().filter(|check| check.grade == grade).count();
    let _ = writeln!(
        page,
        "\n{} ok, {} to note, {} weak, {} open",
        count(Grade::Ok),
        count(Grade::Note),
        count(Grade::Weak),
        count(Grade::Open)
    );
    page
}
