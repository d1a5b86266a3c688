//! Recordings as clients see them.

use super::view::time;
use crate::control::recording::{LayerStatus, RecordedDay, RecordingStatus, Stretch};
use serde_json::{Value, json};
use vas_core::WallTime;
use vas_core::model::WallRange;
use vas_record::retention::plan::Forecast;

/// Names of layers, in their order.
const LAYERS: [&str; 2] = ["main", "sub"];

/// How the recording of a device goes.
pub(super) fn status(status: &RecordingStatus) -> Value {
    json!({
        "active": status.active,
        "mode": status.mode,
        "switched": status.by_hand.map(|on| if on { "on" } else { "off" }),
        "layers": status.layers.iter().map(layer).collect::<Vec<_>>(),
        "error": status.problem,
    })
}

fn layer(LayerStatus { name, status }: &LayerStatus) -> Value {
    json!({
        "layer": name,
        "recording": status.recording,
        "since": status.since.map(time),
        "until": status.until.map(time),
        "bytes": status.bytes,
        "pictures": status.pictures,
        "missed": status.missed,
        "failures": status.failures,
        "last_error": status.last_error,
    })
}

/// The recorded stretches of a range.
pub(super) fn timeline(range: WallRange, stretches: &[Stretch], truncated: bool) -> Value {
    let seconds = |micros: i64| micros as f64 / 1e6;
    let stretch = |stretch: &Stretch| {
        json!({
            "start": time(stretch.span.start),
            "end": time(stretch.span.end),
            "duration_seconds": seconds(stretch.span.micros()),
            "layer": LAYERS[usize::from(stretch.layer.min(1))],
            "bytes": stretch.bytes,
            "files": stretch.files,
            "thinned": stretch.thinned,
        })
    };
    let main = stretches.iter().filter(|stretch| stretch.layer == 0);
    json!({
        "start": time(range.start),
        "end": time(range.end),
        "ranges": stretches.iter().map(stretch).collect::<Vec<_>>(),
        "total_seconds": seconds(main.map(|stretch| stretch.span.micros()).sum()),
        "total_bytes": stretches.iter().map(|stretch| stretch.bytes).sum::<u64>(),
        "truncated": truncated,
    })
}

/// A day on which something was recorded.
pub(super) fn day(day: &RecordedDay) -> Value {
    json!({
        "date": day.date.format("%Y%m%d").to_string(),
        "formatted": day.date.format("%Y-%m-%d").to_string(),
        "segments_count": day.files,
        "bytes": day.bytes,
    })
}

/// How long the room lasts.
pub(super) fn forecast(forecast: &Forecast, now: WallTime) -> Value {
    let tenths = |days: f64| (days * 10.0).round() / 10.0;
    json!({
        "bytes": forecast.bytes,
        "bytes_left": forecast.bytes_left,
        "bytes_per_second": forecast.bytes_per_second,
        "days_left": forecast.days_left.map(tenths),
        "days_kept": forecast.days_kept.map(tenths),
        "checked_at": time(now),
    })
}
