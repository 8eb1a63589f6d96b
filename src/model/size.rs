//! Sizes as docker reads and writes them (go-units): `64m`, `1.5g`, `10`, `1.2kB`.

use crate::fault::Fault;
use std::fmt;
use std::str::FromStr;

/// A number of bytes. Read with binary units (`k` is 1024), shown with either.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

impl ByteSize {
    /// go-units' `HumanSize`: four significant digits, powers of 1000: `1.234MB`.
    pub fn decimal(self) -> String {
        scaled(self.0, 1000.0, &["B", "kB", "MB", "GB", "TB", "PB", "EB"], 4)
    }

    /// go-units' `HumanSizeWithPrecision(_, 3)`: what docker's lists show: `1.23MB`.
    pub fn listed(self) -> String {
        scaled(self.0, 1000.0, &["B", "kB", "MB", "GB", "TB", "PB", "EB"], 3)
    }

    /// go-units' `BytesSize`: four significant digits, powers of 1024: `1.5GiB`.
    pub fn binary(self) -> String {
        scaled(self.0, 1024.0, &["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"], 4)
    }
}

fn scaled(bytes: u64, base: f64, units: &[&str], digits: usize) -> String {
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= base && unit + 1 < units.len() {
        value /= base;
        unit += 1;
    }
    format!("{}{}", significant(value, digits), units[unit])
}

/// Go's `%.4g`, for what can occur here: so many significant digits, no zeros at the end.
fn significant(value: f64, digits: usize) -> String {
    if value == 0.0 {
        return "0".to_string();
    }
    let whole = (value.abs().log10().floor() as i32 + 1).max(0) as usize;
    let text = format!("{value:.*}", digits.saturating_sub(whole));
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_string() } else { text }
}

impl FromStr for ByteSize {
    type Err = Fault;

    /// go-units' `RAMInBytes`: a decimal number, an optional blank, a unit of `bkmgtpe`, an optional `i` and `b`.
    fn from_str(text: &str) -> Result<Self, Fault> {
        let bad = || Fault::invalid(format!("invalid size: '{text}'"));
        let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
        let (number, unit) = text.split_at(end);
        let unit = unit.strip_prefix(' ').unwrap_or(unit).to_ascii_lowercase();
        let power = match unit.as_str() {
            "" | "b" => 0,
            unit => {
                let first = unit.chars().next().ok_or_else(bad)?;
                let power = "kmgtpe".find(first).ok_or_else(bad)? as i32 + 1;
                if !matches!(&unit[1..], "" | "b" | "ib") {
                    return Err(bad());
                }
                power
            }
        };
        if !number.starts_with(|c: char| c.is_ascii_digit()) || number.ends_with('.') {
            return Err(bad());
        }
        let bytes = match number.parse::<u64>() {
            Ok(whole) => whole.checked_mul(1024u64.checked_pow(power as u32).ok_or_else(bad)?).ok_or_else(bad)?,
            Err(_) => {
                let value: f64 = number.parse().map_err(|_| bad())?;
                let bytes = value * 1024f64.powi(power);
                if bytes >= u64::MAX as f64 {
                    return Err(bad());
                }
                bytes as u64
            }
        };
        if bytes > i64::MAX as u64 { Err(bad()) } else { Ok(ByteSize(bytes)) }
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.decimal())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_take_docker_suffixes() {
        for (text, bytes) in [
            ("64m", 64 << 20),
            ("1.5g", 3 << 29),
            ("10", 10),
            ("10b", 10),
            ("1k", 1024),
            ("1kb", 1024),
            ("1KiB", 1024),
            ("2 G", 2 << 30),
            ("1t", 1 << 40),
            ("0", 0),
            ("0.5k", 512),
        ] {
            assert_eq!(text.parse::<ByteSize>().unwrap(), ByteSize(bytes), "{text}");
        }
        for text in ["", "m", "64q", "-1", "1.", ".5", "1..5", "1kbb", "1 kk", "99999999999999999999", "9999999p"] {
            assert!(text.parse::<ByteSize>().is_err(), "{text:?} was taken for a size");
        }
    }

    #[test]
    fn sizes_are_shown_as_docker_does() {
        for (bytes, decimal, listed, binary) in [
            (0, "0B", "0B", "0B"),
            (999, "999B", "999B", "999B"),
            (1000, "1kB", "1kB", "1000B"),
            (1024, "1.024kB", "1.02kB", "1KiB"),
            (1_234_567, "1.235MB", "1.23MB", "1.177MiB"),
            (12_345_678, "12.35MB", "12.3MB", "11.77MiB"),
            (500_000_000, "500MB", "500MB", "476.8MiB"),
            (5_368_709_120, "5.369GB", "5.37GB", "5GiB"),
        ] {
            let size = ByteSize(bytes);
            assert_eq!((&*size.decimal(), &*size.listed(), &*size.binary()), (decimal, listed, binary), "{bytes}");
        }
    }
}
