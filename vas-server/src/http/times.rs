//! Times in queries and bodies: RFC 3339, with an offset or without one, which means UTC.

use super::fields::Fields;
use chrono::{DateTime, NaiveDateTime};
use std::time::Duration;
use vas_core::WallTime;
use vas_core::model::WallRange;

/// What is said of a text that is no time.
const EXPECTED: &str = "must be a time such as 2026-11-22T10:00:00Z or 2026-11-22T11:00:00+01:00";
/// Longest text taken for a time.
const LONGEST: usize = 40;
/// The end of the year 9999 in Unix milliseconds.
const LAST_MILLIS: u64 = 253_402_300_799_999;

impl Fields {
    /// A time; `None` when it is missing or, as was noted, wrong.
    pub(crate) fn time(&mut self, name: &str) -> Option<WallTime> {
        let text = self.text(name, LONGEST)?;
        let time = parse(&text);
        if time.is_none() {
            self.refuse(name, EXPECTED);
        }
        time
    }

    /// A time that must be given.
    pub(crate) fn required_time(&mut self, name: &str) -> Option<WallTime> {
        let text = self.required_text(name, LONGEST)?;
        let time = parse(&text);
        if time.is_none() {
            self.refuse(name, EXPECTED);
        }
        time
    }

    /// A time, which may also be given in whole Unix milliseconds, as programs count them; `None` when it is missing or, as
    /// was noted, wrong.
    pub(crate) fn moment(&mut self, name: &str) -> Option<WallTime> {
        let text = match self.raw(name) {
            Some(serde_json::Value::Number(number)) => number.to_string(),
            _ => self.text(name, LONGEST)?,
        };
        let time = text.parse::<i64>().ok().filter(|millis| millis.unsigned_abs() <= LAST_MILLIS);
        let time = time.map(|millis| WallTime::from_unix_micros(millis * 1_000)).or_else(|| parse(&text));
        if time.is_none() {
            self.refuse(name, EXPECTED);
        }
        time
    }

    /// The same, which must be given.
    pub(crate) fn required_moment(&mut self, name: &str) -> Option<WallTime> {
        if !self.has(name) {
            self.refuse(name, "is required");
        }
        self.moment(name)
    }

    /// The stretch of time from `start` to `end`, both of which must be given, `longest` at most.
    pub(crate) fn wall_range(&mut self, longest: Duration) -> Option<WallRange> {
        let (start, end) = (self.required_time("start"), self.required_time("end"));
        let range = WallRange::new(start?, end?);
        self.checked(range, longest)
    }

    /// The same, where a missing `start` or `end` has a default.
    pub(crate) fn wall_range_or(&mut self, default: WallRange, longest: Duration) -> Option<WallRange> {
        let given = [self.has("start"), self.has("end")];
        let (start, end) = (self.time("start"), self.time("end"));
        let wrong = (given[0] && start.is_none()) || (given[1] && end.is_none());
        let range = WallRange::new(start.unwrap_or(default.start), end.unwrap_or(default.end));
        if wrong { None } else { self.checked(range, longest) }
    }

    fn checked(&mut self, range: WallRange, longest: Duration) -> Option<WallRange> {
        if range.end <= range.start {
            self.refuse("end", "must lie after start");
            return None;
        }
        if u128::from(range.micros().unsigned_abs()) > longest.as_micros() {
            let hours = longest.as_secs() / 3_600;
            self.refuse("end", format!("must not lie more than {hours} hours after start"));
            return None;
        }
        Some(range)
    }
}

/// A time of a calendar's years, 1 to 9999.
pub(crate) fn parse(text: &str) -> Option<WallTime> {
    let micros = DateTime::parse_from_rfc3339(text)
        .map(|time| time.timestamp_micros())
        .or_else(|_| NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").map(utc))
        .or_else(|_| NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f").map(utc))
        // A `+` that was not escaped in a query arrives as a space.
        .or_else(|_| match text.rsplit_once(' ') {
            Some((time, offset)) if time.contains(['T', 't']) => {
                DateTime::parse_from_rfc3339(&format!("{time}+{offset}")).map(|time| time.timestamp_micros())
            }
            _ => DateTime::parse_from_rfc3339(text).map(|time| time.timestamp_micros()),
        })
        .ok()?;
    Some(WallTime::from_unix_micros(micros))
}

fn utc(time: NaiveDateTime) -> i64 {
    time.and_utc().timestamp_micros()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    fn query(pairs: &[(&str, &str)]) -> Fields {
        Fields::of_query(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
    }

    #[test]
    fn a_time_is_utc_unless_it_says_otherwise() {
        let ten = Some(WallTime::from_unix_micros(1_795_341_600_000_000));
        for text in [
            "2026-11-22T10:00:00Z",
            "2026-11-22T10:00:00",
            "2026-11-22 10:00:00",
            "2026-11-22T10:00:00.000",
            "2026-11-22T11:00:00+01:00",
            "2026-11-22T11:00:00 01:00",
            "2026-11-22T05:30:00.000-04:30",
        ] {
            assert_eq!(parse(text), ten, "{text}");
        }
        for text in [
            "",
            "now",
            "2026-11-22",
            "1795341600",
            "2026-13-01T00:00:00Z",
            "2026-11-22T10:00:00 x",
            "99999-01-01T00:00:00",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_range_has_a_length_within_bounds() {
        let of = |start, end| {
            let mut fields = query(&[("start", start), ("end", end)]);
            let range = fields.wall_range(HOUR);
            assert_eq!(range.is_some(), fields.finish().is_ok());
            range.map(WallRange::micros)
        };
        assert_eq!(of("2026-11-22T10:00:00Z", "2026-11-22T11:00:00Z"), Some(3_600_000_000));
        assert_eq!(of("2026-11-22T10:00:00Z", "2026-11-22T11:00:01Z"), None);
        assert_eq!(of("2026-11-22T10:00:00Z", "2026-11-22T10:00:00Z"), None);
        assert_eq!(of("2026-11-22T10:00:00Z", "9999-12-31T23:59:59Z"), None);
        assert_eq!(of("tomorrow", "2026-11-22T10:00:00Z"), None);
        let mut none = query(&[("start", "2026-11-22T10:00:00Z")]);
        assert!(none.wall_range(HOUR).is_none() && none.finish().is_err());
        let day = WallRange::new(WallTime::from_unix_micros(0), WallTime::from_unix_micros(1));
        assert_eq!(query(&[]).wall_range_or(day, HOUR), Some(day));
        assert_eq!(query(&[("end", "x")]).wall_range_or(day, HOUR), None);
    }
}
