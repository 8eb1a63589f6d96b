//! Durations in people's words, as go-units writes them: `About an hour`, `3 weeks`.

/// go-units' `HumanDuration`, of whole and half seconds.
pub fn in_words(seconds: f64) -> String {
    let whole = seconds.max(0.0) as u64;
    let hours = (seconds.max(0.0) / 3600.0 + 0.5) as u64;
    match (whole, whole / 60, hours) {
        (0, ..) => "Less than a second".to_string(),
        (1, ..) => "1 second".to_string(),
        (seconds @ ..60, ..) => format!("{seconds} seconds"),
        (_, 1, _) => "About a minute".to_string(),
        (_, minutes @ ..60, _) => format!("{minutes} minutes"),
        (_, _, ..=1) => "About an hour".to_string(),
        (_, _, hours @ ..48) => format!("{hours} hours"),
        (_, _, hours) if hours < 24 * 7 * 2 => format!("{} days", hours / 24),
        (_, _, hours) if hours < 24 * 30 * 2 => format!("{} weeks", hours / 24 / 7),
        (_, _, hours) if hours < 24 * 365 * 2 => format!("{} months", hours / 24 / 30),
        _ => format!("{} years", whole / 3600 / 24 / 365),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_go_units_words() {
        const HOUR: f64 = 3600.0;
        const DAY: f64 = 24.0 * HOUR;
        for (seconds, words) in [
            (-5.0, "Less than a second"),
            (0.45, "Less than a second"),
            (1.0, "1 second"),
            (45.0, "45 seconds"),
            (46.0, "46 seconds"),
            (60.0, "About a minute"),
            (120.0, "2 minutes"),
            (59.0 * 60.0, "59 minutes"),
            (HOUR, "About an hour"),
            (1.4 * HOUR, "About an hour"),
            (1.5 * HOUR, "2 hours"),
            (47.0 * HOUR, "47 hours"),
            (3.0 * DAY, "3 days"),
            (13.0 * DAY, "13 days"),
            (14.0 * DAY, "2 weeks"),
            (60.0 * DAY, "2 months"),
            (364.0 * DAY, "12 months"),
            (729.0 * DAY, "24 months"),
            (730.0 * DAY, "2 years"),
            (3.0 * 365.0 * DAY, "3 years"),
        ] {
            assert_eq!(in_words(seconds), words, "{seconds}");
        }
    }
}
