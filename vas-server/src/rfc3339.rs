//! Times as text for answers and messages.

use chrono::{DateTime, SecondsFormat};
use vas_core::WallTime;

/// A time as it stands in answers: RFC 3339 in UTC, with milliseconds.
pub(crate) fn time(time: WallTime) -> String {
    let time = DateTime::from_timestamp_micros(time.as_unix_micros()).unwrap_or_default();
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}
