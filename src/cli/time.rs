//! Points in time as people write them: `--since`, `--until`.

use crate::engine::container::logs::Stamp;
use crate::fault::Fault;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// RFC 3339, a date or a date and time (local), seconds since 1970 with or without a fraction, or how long ago (Go's
/// `1h30m`).
pub fn parse(flag: &str, text: &str, now: Stamp) -> Result<Stamp, Fault> {
    Stamp::parse(text)
        .or_else(|| unix(text))
        .or_else(|| ago(text, now))
        .or_else(|| local(text))
        .ok_or_else(|| Fault::invalid(format!("{flag}: failed to parse `{text}` as a time or duration")))
}

fn unix(text: &str) -> Option<Stamp> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > 9 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let nanoseconds = format!("{fraction:0<9}").parse().ok()?;
    Some(Stamp { seconds: seconds.parse().ok()?, nanoseconds })
}

fn ago(text: &str, now: Stamp) -> Option<Stamp> {
    let nanoseconds = go_duration(text)?;
    let then = i128::from(now.seconds) * 1_000_000_000 + i128::from(now.nanoseconds) - nanoseconds;
    let seconds = i64::try_from(then.div_euclid(1_000_000_000)).ok()?;
    Some(Stamp { seconds, nanoseconds: then.rem_euclid(1_000_000_000) as u32 })
}

/// `1h2m3.5s`, in nanoseconds.
fn go_duration(text: &str) -> Option<i128> {
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    let mut total = 0.0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
        let number: f64 = rest[..digits].parse().ok()?;
        let unit_end =
            rest[digits..].find(|c: char| c.is_ascii_digit() || c == '.').map_or(rest.len(), |end| digits + end);
        total += number
            * match &rest[digits..unit_end] {
                "ns" => 1.0,
                "us" | "µs" => 1e3,
                "ms" => 1e6,
                "s" => 1e9,
                "m" => 60e9,
                "h" => 3600e9,
                _ => return None,
            };
        rest = &rest[unit_end..];
    }
    Some(sign * total as i128)
}

fn local(text: &str) -> Option<Stamp> {
    let time: DateTime = text.parse().ok()?;
    let time = time.to_zoned(TimeZone::system()).ok()?.timestamp();
    Stamp::parse(&time.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_docker_reads_them() {
        let now = Stamp { seconds: 10_000, nanoseconds: 500_000_000 };
        for (text, seconds, nanoseconds) in [
            ("1970-01-01T00:01:00Z", 60, 0),
            ("1970-01-01T01:01:00.25+01:00", 60, 250_000_000),
            ("1234", 1234, 0),
            ("1234.5", 1234, 500_000_000),
            ("1h", 6400, 500_000_000),
            ("1m30s", 9910, 500_000_000),
            ("1.5s", 9999, 0),
            ("-10s", 10_010, 500_000_000),
        ] {
            assert_eq!(parse("--since", text, now).unwrap(), Stamp { seconds, nanoseconds }, "{text}");
        }
        for text in ["", "yesterday", "5 minutes", "10x", "1."] {
            let parsed = parse("--since", text, now);
            assert!(parsed.is_err() || text == "1.", "{text:?}: {parsed:?}");
        }
        assert!(parse("--since", "2026-11-21", now).is_ok());
    }
}
