//! How often and after how long something is tried again.

use std::time::Duration;

/// `--retry`, `--retry-delay`.
#[derive(Debug, Clone, PartialEq)]
pub struct Retry {
    /// How often after the first time.
    pub times: u32,
    /// Before each; `None`: one second, doubled each time.
    pub delay: Option<Duration>,
    /// Asked for by a flag: then even a refused connection is tried again.
    pub explicit: bool,
}

impl Default for Retry {
    fn default() -> Self {
        Retry { times: 3, delay: None, explicit: false }
    }
}

/// Whatever a server asks for, we do not wait longer at once.
const LONGEST: Duration = Duration::from_secs(60);

impl Retry {
    /// How long to wait before try `number` (from 0); `asked`: the server's Retry-After.
    pub fn pause(&self, number: u32, asked: Option<Duration>) -> Duration {
        let own = self.delay.unwrap_or_else(|| Duration::from_secs(1 << number.min(5)));
        asked.unwrap_or(own).max(if asked.is_some() { Duration::ZERO } else { own }).min(LONGEST)
    }
}

/// Retry-After: seconds, or an HTTP date.
pub(super) fn retry_after(text: &str, now: jiff::Timestamp) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    u64::try_from(date.as_second() - now.as_second()).ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_have_an_end() {
        let retry = Retry::default();
        for (number, asked, seconds) in
            [(0, None, 1), (1, None, 2), (3, None, 8), (99, None, 32), (0, Some(5), 5), (0, Some(900), 60)]
        {
            let asked = asked.map(Duration::from_secs);
            assert_eq!(retry.pause(number, asked), Duration::from_secs(seconds), "{number} {asked:?}");
        }
        let fixed = Retry { delay: Some(Duration::from_secs(3)), ..Retry::default() };
        assert_eq!(fixed.pause(4, None), Duration::from_secs(3));
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now: jiff::Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
        assert_eq!(retry_after("7", now), Some(Duration::from_secs(7)));
        assert_eq!(retry_after("Sat, 21 Nov 2026 10:00:30 GMT", now), Some(Duration::from_secs(30)));
        assert_eq!(retry_after("Sat, 21 Nov 2026 09:00:30 GMT", now), None);
        assert_eq!(retry_after("soon", now), None);
    }
}
