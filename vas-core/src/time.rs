//! Media time and wall time, kept apart: the first counts a track's clock, the second is UTC.

use chrono::Datelike;
use serde::{Deserialize, Serialize};
use std::num::NonZeroU32;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Seconds from 1900-01-01 (the NTP era of RFC 3550, section 4) to the Unix epoch.
const NTP_UNIX_OFFSET: u64 = 2_208_988_800;

/// A point in a track's own time: ticks of a clock of `rate` Hz from an arbitrary origin.
///
/// Ticks are unwrapped: they never fold at 2^32 as RTP timestamps do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MediaTime {
    ticks: i64,
    rate: NonZeroU32,
}

impl MediaTime {
    /// `ticks` of a clock of `rate` Hz.
    #[must_use]
    pub const fn new(ticks: i64, rate: NonZeroU32) -> Self {
        Self { ticks, rate }
    }

    /// Ticks since the origin.
    #[must_use]
    pub const fn ticks(self) -> i64 {
        self.ticks
    }

    /// Ticks per second.
    #[must_use]
    pub const fn rate(self) -> NonZeroU32 {
        self.rate
    }

    /// The same point on a clock of another rate, rounded to its nearest tick.
    #[must_use]
    pub fn rescale(self, rate: NonZeroU32) -> Self {
        if rate == self.rate {
            return self;
        }
        let (to, from) = (i128::from(rate.get()), i128::from(self.rate.get()));
        let scaled = (i128::from(self.ticks) * to + from / 2).div_euclid(from);
        Self { ticks: i64::try_from(scaled).unwrap_or(i64::MAX), rate }
    }

    /// Seconds since the origin.
    #[must_use]
    pub fn as_secs_f64(self) -> f64 {
        self.ticks as f64 / f64::from(self.rate.get())
    }

    /// Seconds from `earlier` to this point, negative when it lies before.
    #[must_use]
    pub fn secs_since(self, earlier: Self) -> f64 {
        if self.rate == earlier.rate {
            self.ticks.saturating_sub(earlier.ticks) as f64 / f64::from(self.rate.get())
        } else {
            self.as_secs_f64() - earlier.as_secs_f64()
        }
    }
}

/// A point in UTC, in microseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WallTime(i64);

impl WallTime {
    /// `micros` microseconds since the Unix epoch.
    #[must_use]
    pub const fn from_unix_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since the Unix epoch.
    #[must_use]
    pub const fn as_unix_micros(self) -> i64 {
        self.0
    }

    /// Microseconds from `earlier` to this point, negative when it lies before.
    #[must_use]
    pub const fn micros_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// This point moved by `micros` microseconds.
    #[must_use]
    pub const fn add_micros(self, micros: i64) -> Self {
        Self(self.0.saturating_add(micros))
    }

    /// The UTC day it lies in: year, month and day of the Gregorian calendar; that of the Unix epoch for times that no
    /// calendar has.
    #[must_use]
    pub fn utc_date(self) -> (i32, u8, u8) {
        let date = chrono::DateTime::from_timestamp_micros(self.0).unwrap_or_default().date_naive();
        (date.year(), date.month() as u8, date.day() as u8)
    }

    /// The 64-bit NTP timestamp (RFC 3550, section 4): seconds since 1900 and a binary fraction.
    #[must_use]
    pub fn to_ntp(self) -> u64 {
        let (secs, micros) = (self.0.div_euclid(1_000_000), self.0.rem_euclid(1_000_000) as u64);
        let secs = (secs as u64).wrapping_add(NTP_UNIX_OFFSET);
        (secs << 32) | ((micros << 32) / 1_000_000)
    }

    /// The point of a 64-bit NTP timestamp. Era 0 (until 2036) and era 1 are told apart by the top bit, as
    /// RFC 5905, section 6 suggests.
    #[must_use]
    pub fn from_ntp(ntp: u64) -> Self {
        let era: i64 = if ntp >> 63 == 0 { 1 << 32 } else { 0 };
        let secs = (ntp >> 32) as i64 + era - NTP_UNIX_OFFSET as i64;
        let micros = ((ntp & 0xffff_ffff) * 1_000_000 + (1 << 31)) >> 32;
        Self(secs * 1_000_000 + micros as i64)
    }
}

impl From<SystemTime> for WallTime {
    fn from(time: SystemTime) -> Self {
        let micros = |d: Duration| i64::try_from(d.as_micros()).unwrap_or(i64::MAX);
        match time.duration_since(UNIX_EPOCH) {
            Ok(after) => Self(micros(after)),
            Err(before) => Self(-micros(before.duration())),
        }
    }
}

impl From<WallTime> for SystemTime {
    fn from(time: WallTime) -> Self {
        let distance = Duration::from_micros(time.0.unsigned_abs());
        if time.0 >= 0 { UNIX_EPOCH + distance } else { UNIX_EPOCH - distance }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hz(rate: u32) -> NonZeroU32 {
        NonZeroU32::new(rate).unwrap()
    }

    #[test]
    fn rescales_to_the_nearest_tick() {
        assert_eq!(MediaTime::new(48_000, hz(48_000)).rescale(hz(90_000)).ticks(), 90_000);
        assert_eq!(MediaTime::new(1, hz(3)).rescale(hz(10)).ticks(), 3);
        assert_eq!(MediaTime::new(-90_000, hz(90_000)).rescale(hz(8_000)).ticks(), -8_000);
    }

    #[test]
    fn dates_of_the_gregorian_calendar() {
        let date = |days: i64| WallTime::from_unix_micros(days * 86_400_000_000).utc_date();
        assert_eq!(date(0), (1970, 1, 1));
        assert_eq!(date(-1), (1969, 12, 31));
        assert_eq!(date(11_016), (2000, 2, 29));
        assert_eq!(date(20_779), (2026, 11, 22));
        assert_eq!(date(47_540), (2100, 2, 28));
        assert_eq!(date(47_541), (2100, 3, 1));
    }

    #[test]
    fn ntp_of_the_unix_epoch() {
        assert_eq!(WallTime::from_unix_micros(0).to_ntp(), NTP_UNIX_OFFSET << 32);
    }

    proptest! {
        #[test]
        fn ntp_round_trip(micros in 0_i64..4_000_000_000_000_000) {
            let time = WallTime::from_unix_micros(micros);
            prop_assert!((WallTime::from_ntp(time.to_ntp()).micros_since(time)).abs() <= 1);
        }

        #[test]
        fn system_time_round_trip(micros in -1_000_000_000_000_i64..4_000_000_000_000_000) {
            let time = WallTime::from_unix_micros(micros);
            prop_assert_eq!(WallTime::from(SystemTime::from(time)), time);
        }
    }
}
