//! Times of the week at which recording is on, and the zone that they and days are counted in.

use chrono::{
    DateTime, Datelike, Days, FixedOffset, Local, NaiveDate, NaiveTime, TimeZone, Timelike, Utc, Weekday,
};
use std::str::FromStr;
use vas_core::WallTime;

/// Minutes of a day.
const DAY: u16 = 24 * 60;
/// The days as they are written, in their order.
const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Mon),
    ("tue", Weekday::Tue),
    ("wed", Weekday::Wed),
    ("thu", Weekday::Thu),
    ("fri", Weekday::Fri),
    ("sat", Weekday::Sat),
    ("sun", Weekday::Sun),
];

/// Why a text is no schedule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("each must be like mon-fri 07:00-19:00, sat 22:00-06:00 or 18:00-24:00, not {0:?}")]
pub struct ScheduleError(String);

/// Times of the week: `mon-fri 07:00-19:00, sat 22:00-06:00`. Without days: every day. A time that ends before it begins
/// goes on into the next day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schedule {
    times: Vec<Time>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Time {
    /// The days on which it begins, one bit each from Monday on.
    days: u8,
    /// First minute of the day.
    from: u16,
    /// The minute after the last; up to the end of the day, or before `from` when it ends on the next.
    to: u16,
}

impl Time {
    fn covers(self, weekday: Weekday, minute: u16) -> bool {
        let begins_on = |day: Weekday| self.days & 1 << day.num_days_from_monday() != 0;
        if self.from < self.to {
            return begins_on(weekday) && (self.from..self.to).contains(&minute);
        }
        (begins_on(weekday) && minute >= self.from) || (begins_on(weekday.pred()) && minute < self.to)
    }

    fn parse(text: &str) -> Option<Self> {
        let (days, times) = match text.trim().rsplit_once(char::is_whitespace) {
            Some((days, times)) => (parse_days(days.trim())?, times),
            None => (0x7f, text.trim()),
        };
        let (from, to) = times.split_once('-')?;
        let (from, to) = (parse_minute(from)?, parse_minute(to)?);
        (from != to && from < DAY).then_some(Self { days, from, to })
    }
}

/// `mon`, or `mon-fri`, which may go over the end of the week.
fn parse_days(text: &str) -> Option<u8> {
    let place = |name: &str| DAYS.iter().position(|(known, _)| name.eq_ignore_ascii_case(known));
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (place(first)?, place(last)?);
    let count = (last + 7 - first) % 7 + 1;
    Some((first..first + count).fold(0, |days, day| days | 1 << (day % 7)))
}

/// `07:00` up to `24:00`.
fn parse_minute(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let number = |text: &str| text.parse::<u16>().ok().filter(|_| text.len() == 2);
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    let minute = hours * 60 + minutes;
    (hours <= 24 && minutes < 60 && minute <= DAY).then_some(minute)
}

impl FromStr for Schedule {
    type Err = ScheduleError;

    /// Times with commas between; an empty text is a schedule without any.
    fn from_str(text: &str) -> Result<Self, ScheduleError> {
        let parts = text.split(',').filter(|part| !part.trim().is_empty());
        let times = parts.map(|part| Time::parse(part).ok_or_else(|| ScheduleError(part.trim().to_owned())));
        Ok(Self { times: times.collect::<Result<_, _>>()? })
    }
}

impl Schedule {
    /// Whether it has no time at all.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    /// Whether recording is on at `time`.
    #[must_use]
    pub fn covers(&self, time: WallTime, zone: Zone) -> bool {
        let time = zone.local(time);
        let minute = (time.hour() * 60 + time.minute()) as u16;
        self.times.iter().any(|span| span.covers(time.weekday(), minute))
    }
}

/// Why a text is no zone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be local (the zone of this machine), utc, or an offset such as +01:00, not {0:?}")]
pub struct ZoneError(String);

/// What days and times of day are counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Zone {
    /// The zone of this machine, summer time included (`TZ`, or `/etc/localtime`).
    Local,
    /// A fixed distance from UTC.
    Fixed(FixedOffset),
}

impl FromStr for Zone {
    type Err = ZoneError;

    fn from_str(text: &str) -> Result<Self, ZoneError> {
        if text.eq_ignore_ascii_case("local") {
            return Ok(Self::Local);
        }
        let offset = if text.eq_ignore_ascii_case("utc") { "+00:00" } else { text };
        offset.parse().map(Self::Fixed).map_err(|_| ZoneError(text.to_owned()))
    }
}

impl Zone {
    /// The time of day and the date that clocks of the zone show at `time`.
    fn local(self, time: WallTime) -> DateTime<FixedOffset> {
        let utc = DateTime::<Utc>::from_timestamp_micros(time.as_unix_micros()).unwrap_or_default();
        match self {
            Self::Local => utc.with_timezone(&Local).fixed_offset(),
            Self::Fixed(offset) => utc.with_timezone(&offset),
        }
    }

    /// Minutes by which clocks of the zone are ahead of UTC at `time`.
    #[must_use]
    pub fn minutes_ahead(self, time: WallTime) -> i32 {
        self.local(time).offset().local_minus_utc() / 60
    }

    /// The date that `time` falls on.
    #[must_use]
    pub fn date(self, time: WallTime) -> NaiveDate {
        self.local(time).date_naive()
    }

    /// When `date` begins. Where clocks are set forward at midnight: the first moment that is on that date.
    #[must_use]
    pub fn start_of(self, date: NaiveDate) -> WallTime {
        let midnight = date.and_time(NaiveTime::MIN);
        let utc = |time: chrono::NaiveDateTime| match self {
            Self::Local => Local.from_local_datetime(&time).earliest().map(|time| time.to_utc()),
            Self::Fixed(offset) => offset.from_local_datetime(&time).earliest().map(|time| time.to_utc()),
        };
        // No zone skips more than some hours.
        let first = (0..=4).find_map(|hours| utc(midnight + chrono::TimeDelta::hours(hours)));
        WallTime::from_unix_micros(first.unwrap_or_default().timestamp_micros())
    }

    /// When the date after `date` begins: 23 to 25 hours later.
    #[must_use]
    pub fn end_of(self, date: NaiveDate) -> WallTime {
        self.start_of(date.checked_add_days(Days::new(1)).unwrap_or(date))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> WallTime {
        WallTime::from_unix_micros(DateTime::parse_from_rfc3339(text).unwrap().timestamp_micros())
    }

    #[test]
    fn a_schedule_covers_its_times_and_no_others() {
        let schedule: Schedule = "mon-fri 07:00-19:00, SAT 22:00-06:00".parse().unwrap();
        let utc: Zone = "utc".parse().unwrap();
        // 22 November 2026 is a Sunday.
        for (time, covered) in [
            ("2026-11-23T07:00:00Z", true),
            ("2026-11-23T06:59:59Z", false),
            ("2026-11-27T18:59:59Z", true),
            ("2026-11-27T19:00:00Z", false),
            ("2026-11-21T22:00:00Z", true),
            ("2026-11-22T05:59:00Z", true),
            ("2026-11-22T06:00:00Z", false),
            ("2026-11-22T22:00:00Z", false),
        ] {
            assert_eq!(schedule.covers(at(time), utc), covered, "{time}");
        }
        assert!(schedule.covers(at("2026-11-23T06:30:00Z"), "+01:00".parse().unwrap()));
        let always: Schedule = "00:00-24:00".parse().unwrap();
        assert!(always.covers(at("2026-11-22T23:59:59Z"), utc));
        let weekend: Schedule = "sat-mon 00:00-24:00".parse().unwrap();
        assert!(
            weekend.covers(at("2026-11-22T12:00:00Z"), utc)
                && !weekend.covers(at("2026-11-24T12:00:00Z"), utc)
        );
    }

    #[test]
    fn what_is_no_schedule_is_named() {
        for text in [
            "x",
            "mon",
            "07:00",
            "7:00-8:00",
            "08:00-08:00",
            "25:00-26:00",
            "08:60-09:00",
            "24:00-25:00",
            "xyz 08:00-09:00",
        ] {
            assert_eq!(text.parse::<Schedule>(), Err(ScheduleError(text.to_owned())), "{text}");
        }
        assert!("".parse::<Schedule>().unwrap().is_empty());
    }

    #[test]
    fn days_begin_at_midnight_of_the_zone() {
        let zone: Zone = "+01:00".parse().unwrap();
        let date = zone.date(at("2026-11-22T23:30:00Z"));
        assert_eq!(date, NaiveDate::from_ymd_opt(2026, 11, 23).unwrap());
        assert_eq!(zone.start_of(date), at("2026-11-22T23:00:00Z"));
        assert_eq!(zone.end_of(date), at("2026-11-23T23:00:00Z"));
        assert!(["", "Mars", "+25:00", "1"].iter().all(|text| text.parse::<Zone>().is_err()));
        assert_eq!("Local".parse(), Ok(Zone::Local));
    }
}
