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

/// Asks for something that is not shown.
pub fn secret(prompt: &str) -> Result<String, crate::fault::Fault> {
    crate::sys::terminal::read_secret(prompt)
        .map_err(|error| crate::fault::Fault::invalid(format!("reading the password: {error}")))
}

/// Asks for one line.
pub fn ask(prompt: &str) -> Result<String> {
    output::text(prompt)?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(answer.trim().to_string())
}
