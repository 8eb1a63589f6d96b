//! Asks before something is lost.

use crate::cli::output;
use anyhow::Result;
use std::io::BufRead as _;

/// Prints `warning` and asks; anything but `y` or `yes` means no.
pub fn confirm(warning: &str) -> Result<bool> {
    output::text(format!("{warning}\nAre you sure you want to continue? [y/N] "))?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}
