//! Numbers and dates as playlists write them (rfc8216bis, section 4.2).

use std::{fmt, io};
use vas_core::WallTime;

/// Ticks of 90 kHz in one second.
pub(super) const SECOND: u64 = 90_000;

/// A length in ticks of 90 kHz, written in seconds with five decimals, finer than a tick.
#[derive(Clone, Copy)]
pub(super) struct Seconds(pub(super) u64);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Nine ticks are ten units of a hundred-thousandth of a second; rounded to the nearest.
        let units = (u128::from(self.0) * 10 + 4) / 9;
        write!(f, "{}.{:05}", units / 100_000, units % 100_000)
    }
}

/// UTC as RFC 3339 with milliseconds, cut off and not rounded.
pub(super) struct Date(pub(super) WallTime);

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DAY: i64 = 86_400_000_000;
        let (year, month, day) = self.0.utc_date();
        let millis = self.0.as_unix_micros().rem_euclid(DAY) / 1_000;
        let (hours, minutes, seconds) = (millis / 3_600_000, millis / 60_000 % 60, millis / 1_000 % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hours:02}:{minutes:02}:{seconds:02}.{:03}Z", millis % 1_000)
    }
}

/// Ticks of 90 kHz rounded to whole seconds, as segments are compared with the target duration (section 4.4.3.1).
pub(super) const fn rounded_seconds(ticks: u64) -> u64 {
    (ticks + SECOND / 2) / SECOND
}

/// The text that `write` writes.
pub(super) fn written(write: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> String {
    let mut out = Vec::new();
    write(&mut out).expect("a vector takes everything");
    String::from_utf8(out).expect("made of texts and numbers")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_written_as_seconds() {
        let text = |ticks| Seconds(ticks).to_string();
        assert_eq!(
            [text(0), text(90_000), text(3_003), text(540_001)],
            ["0.00000", "1.00000", "0.03337", "6.00001"]
        );
        assert_eq!((rounded_seconds(494_999), rounded_seconds(495_000)), (5, 6));
    }

    #[test]
    fn dates_have_milliseconds() {
        let text = |micros| Date(WallTime::from_unix_micros(micros)).to_string();
        assert_eq!(text(1_795_305_599_999_999), "2026-11-21T23:59:59.999Z");
        assert_eq!(text(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(text(-1), "1969-12-31T23:59:59.999Z");
    }
}
