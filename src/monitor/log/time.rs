//! Times in records: RFC 3339 in UTC, written without a calendar library because it happens once per read.

use nix::time::{ClockId, clock_gettime};

/// A point in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp {
    /// Since 1970.
    pub seconds: i64,
    /// Of the second.
    pub nanoseconds: u32,
}

impl Stamp {
    /// The machine's clock.
    pub fn now() -> Stamp {
        match clock_gettime(ClockId::CLOCK_REALTIME) {
            Ok(time) => Stamp { seconds: time.tv_sec(), nanoseconds: time.tv_nsec() as u32 },
            Err(_) => Stamp { seconds: 0, nanoseconds: 0 },
        }
    }

    /// `2026-11-21T14:00:00.000000000`, no zone: exactly 29 bytes.
    fn digits(self) -> [u8; 29] {
        let (year, month, day) = civil(self.seconds.div_euclid(86_400));
        let second = self.seconds.rem_euclid(86_400) as u32;
        let mut text = *b"0000-00-00T00:00:00.000000000";
        put(&mut text[0..4], year as u32);
        put(&mut text[5..7], month);
        put(&mut text[8..10], day);
        put(&mut text[11..13], second / 3600);
        put(&mut text[14..16], second / 60 % 60);
        put(&mut text[17..19], second % 60);
        put(&mut text[20..29], self.nanoseconds);
        text
    }

    /// As Go's RFC3339Nano has it: no zeros at the end of the fraction, `Z`.
    pub fn write_trimmed(self, out: &mut Vec<u8>) {
        let digits = self.digits();
        let mut end = digits.len();
        while digits[end - 1] == b'0' && end > 20 {
            end -= 1;
        }
        if end == 20 {
            end = 19;
        }
        out.extend_from_slice(&digits[..end]);
        out.push(b'Z');
    }

    /// Always nine digits of fraction, then `zone`.
    pub fn write_fixed(self, zone: &str, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.digits());
        out.extend_from_slice(zone.as_bytes());
    }

    /// As [`Stamp::write_trimmed`], as text.
    pub fn trimmed(self) -> String {
        let mut out = Vec::new();
        self.write_trimmed(&mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    /// As [`Stamp::write_fixed`] in UTC (`Z`), as text.
    pub fn fixed(self) -> String {
        let mut out = Vec::new();
        self.write_fixed("Z", &mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    /// Reads RFC 3339 with any fraction and zone.
    pub fn parse(text: &str) -> Option<Stamp> {
        let time: jiff::Timestamp = text.parse().ok()?;
        let (mut seconds, mut nanoseconds) = (time.as_second(), time.subsec_nanosecond());
        if nanoseconds < 0 {
            seconds -= 1;
            nanoseconds += 1_000_000_000;
        }
        Some(Stamp { seconds, nanoseconds: nanoseconds as u32 })
    }
}

fn put(place: &mut [u8], mut number: u32) {
    for digit in place.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

/// Days since 1970 → (year, month, day), by Hinnant's algorithm.
fn civil(days: i64) -> (i64, u32, u32) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_shifted = (5 * day_of_year + 2) / 153;
    let day = (day_of_year - (153 * month_shifted + 2) / 5 + 1) as u32;
    let month = (if month_shifted < 10 { month_shifted + 3 } else { month_shifted - 9 }) as u32;
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_go_writes_them() {
        for (seconds, nanoseconds, text) in [
            (0, 0, "1970-01-01T00:00:00Z"),
            (951_782_399, 999_999_999, "2000-02-28T23:59:59.999999999Z"),
            (951_782_400, 100_000_000, "2000-02-29T00:00:00.1Z"),
            (1_700_000_000, 20, "2023-11-14T22:13:20.00000002Z"),
            (4_102_444_799, 0, "2099-12-31T23:59:59Z"),
        ] {
            let stamp = Stamp { seconds, nanoseconds };
            assert_eq!(stamp.trimmed(), text);
            assert_eq!(Stamp::parse(text), Some(stamp), "{text}");
            assert_eq!(Stamp::parse(&stamp.fixed()), Some(stamp), "{text}");
        }
    }

    #[test]
    fn every_day_is_the_calendars() {
        for day in (-10_000..60_000).step_by(13) {
            let stamp = Stamp { seconds: day * 86_400 + 3_661, nanoseconds: 0 };
            let theirs = jiff::Timestamp::from_second(stamp.seconds).unwrap().to_string();
            assert_eq!(stamp.trimmed(), theirs);
        }
    }
}
