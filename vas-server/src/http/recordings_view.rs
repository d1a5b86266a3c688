//! Recordings as clients see them.

use super::schema;
use super::view::{Success, time};
use crate::config::RecordingMode;
use crate::control::StreamInfo;
use crate::control::recording::{LayerStatus, RecordedDay, RecordingStatus, Stretch};
use crate::db::RecordingOptions;
use serde::Serialize;
use utoipa::ToSchema;
use vas_core::model::WallRange;
use vas_core::{DeviceId, StreamId, WallTime};
use vas_record::retention::Round;
use vas_record::retention::plan::Forecast;

/// Names of layers, in their order.
const LAYERS: [&str; 2] = ["main", "sub"];

/// How the recording of a device goes.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RecordingStatus)]
pub(super) struct RecordingStatusView {
    /// Whether media is being recorded now.
    active: bool,
    #[schema(value_type = schema::RecordingMode)]
    mode: RecordingMode,
    /// Switched by hand, whatever the mode is.
    switched: Option<Switched>,
    layers: Vec<RecordedLayerView>,
    /// Why nothing is recorded that should be.
    error: Option<String>,
}

/// How something was switched by hand.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Switched {
    On,
    Off,
}

impl Switched {
    const fn of(on: bool) -> Self {
        if on { Self::On } else { Self::Off }
    }
}

impl RecordingStatusView {
    pub(super) fn new(status: &RecordingStatus) -> Self {
        Self {
            active: status.active,
            mode: status.mode,
            switched: status.by_hand.map(Switched::of),
            layers: status.layers.iter().map(RecordedLayerView::new).collect(),
            error: status.problem.clone(),
        }
    }
}

/// How the recording of one layer goes.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RecordedLayer)]
struct RecordedLayerView {
    #[schema(value_type = schema::Layer)]
    layer: &'static str,
    recording: bool,
    /// Since when without a break.
    #[schema(format = DateTime)]
    since: Option<String>,
    /// Up to where.
    #[schema(format = DateTime)]
    until: Option<String>,
    /// Since it was switched on.
    bytes: u64,
    pictures: u64,
    /// Units of the stream that the recorder was too slow to read.
    missed: u64,
    /// Failures of the storage.
    failures: u64,
    last_error: Option<String>,
}

impl RecordedLayerView {
    fn new(LayerStatus { name, status }: &LayerStatus) -> Self {
        Self {
            layer: name,
            recording: status.recording,
            since: status.since.map(time),
            until: status.until.map(time),
            bytes: status.bytes,
            pictures: status.pictures,
            missed: status.missed,
            failures: status.failures,
            last_error: status.last_error.clone(),
        }
    }
}

/// How a stream is recorded.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RecordedStream)]
pub(super) struct RecordedStreamView {
    #[schema(value_type = Uuid)]
    stream_id: StreamId,
    #[schema(value_type = Uuid)]
    device_id: DeviceId,
    /// The stream's own, or its device's.
    name: String,
    is_recording: bool,
    recording: RecordingStatusView,
}

impl RecordedStreamView {
    pub(super) fn new(info: &StreamInfo, status: &RecordingStatus) -> Self {
        Self {
            stream_id: info.stream.id,
            device_id: info.device.id,
            name: info.stream.name.as_ref().unwrap_or(&info.device.fields.name).clone(),
            is_recording: status.active,
            recording: RecordingStatusView::new(status),
        }
    }
}

/// How all streams are recorded.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RecordedStreams)]
pub(super) struct RecordedStreamsView {
    status: Success,
    total: usize,
    streams: Vec<RecordedStreamView>,
}

impl RecordedStreamsView {
    pub(super) const fn new(streams: Vec<RecordedStreamView>) -> Self {
        Self { status: Success::Success, total: streams.len(), streams }
    }
}

/// How one stream is recorded.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RecordedStreamAnswer)]
pub(super) struct RecordedStreamAnswer {
    status: Success,
    #[serde(flatten)]
    stream: RecordedStreamView,
}

impl From<RecordedStreamView> for RecordedStreamAnswer {
    fn from(stream: RecordedStreamView) -> Self {
        Self { status: Success::Success, stream }
    }
}

/// The answer to switching a recording on or off.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RecordingSwitched)]
pub(super) struct SwitchedView {
    status: Success,
    #[schema(value_type = Uuid)]
    device_id: DeviceId,
    /// Null for a device without a stream.
    #[schema(value_type = Option<Uuid>)]
    stream_id: Option<StreamId>,
    /// Whether media is being recorded now.
    is_recording: bool,
    recording: RecordingStatusView,
}

impl SwitchedView {
    pub(super) fn new(device: DeviceId, stream: Option<StreamId>, status: &RecordingStatus) -> Self {
        Self {
            status: Success::Success,
            device_id: device,
            stream_id: stream,
            is_recording: status.active,
            recording: RecordingStatusView::new(status),
        }
    }
}

/// How a device is recorded, where that differs from the settings.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DeviceRecordingOptions)]
pub(super) struct OptionsView {
    #[schema(value_type = Uuid)]
    device_id: DeviceId,
    /// Null: as the settings say.
    #[schema(value_type = Option<schema::RecordingMode>)]
    mode: Option<RecordingMode>,
    /// Null: as the settings say.
    retention_days: Option<u32>,
    switched: Option<Switched>,
    recording: RecordingStatusView,
}

impl OptionsView {
    pub(super) fn new(device: DeviceId, options: RecordingOptions, status: &RecordingStatus) -> Self {
        Self {
            device_id: device,
            mode: options.mode,
            retention_days: options.retention_days,
            switched: options.by_hand.map(Switched::of),
            recording: RecordingStatusView::new(status),
        }
    }
}

/// Whether an event is recorded.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RecordingEventAnswer)]
pub(super) struct EventView {
    status: Success,
    #[schema(value_type = Uuid)]
    device_id: DeviceId,
    /// False where the device is not recorded around events.
    recorded: bool,
}

impl EventView {
    pub(super) const fn new(device: DeviceId, recorded: bool) -> Self {
        Self { status: Success::Success, device_id: device, recorded }
    }
}

/// What retention removed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Cleanup)]
pub(super) struct CleanupView {
    status: Success,
    #[schema(value_type = Uuid)]
    device_id: DeviceId,
    /// Files removed.
    deleted: u64,
    /// Files of which only the key pictures are left.
    thinned: u64,
    /// Bytes that are free again.
    freed_bytes: u64,
    /// Bytes that would have to go, but bookmarks keep them.
    held_bytes: u64,
}

impl CleanupView {
    pub(super) const fn new(device: DeviceId, round: &Round) -> Self {
        Self {
            status: Success::Success,
            device_id: device,
            deleted: round.deleted,
            thinned: round.thinned,
            freed_bytes: round.freed,
            held_bytes: round.held,
        }
    }
}

/// What was recorded of a stream, for a timeline.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RecordedRanges)]
pub(super) struct TimelineView {
    #[schema(value_type = Uuid)]
    stream_id: StreamId,
    #[schema(value_type = Uuid)]
    device_id: DeviceId,
    #[schema(format = DateTime)]
    start: String,
    #[schema(format = DateTime)]
    end: String,
    /// Stretches without a break, by layer and time.
    ranges: Vec<RangeView>,
    /// Of the main stream.
    total_seconds: f64,
    total_bytes: u64,
    /// There is more than was looked at: ask for a shorter range.
    truncated: bool,
}

/// A stretch of time that was recorded without a break.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RecordedRange)]
struct RangeView {
    #[schema(format = DateTime)]
    start: String,
    #[schema(format = DateTime)]
    end: String,
    duration_seconds: f64,
    #[schema(value_type = schema::Layer)]
    layer: &'static str,
    bytes: u64,
    files: u64,
    /// Of some of it only the key pictures are left.
    thinned: bool,
}

impl TimelineView {
    pub(super) fn new(
        stream: StreamId,
        device: DeviceId,
        range: WallRange,
        stretches: &[Stretch],
        truncated: bool,
    ) -> Self {
        let main = stretches.iter().filter(|stretch| stretch.layer == 0);
        Self {
            stream_id: stream,
            device_id: device,
            start: time(range.start),
            end: time(range.end),
            ranges: stretches.iter().map(RangeView::new).collect(),
            total_seconds: seconds(main.map(|stretch| stretch.span.micros()).sum()),
            total_bytes: stretches.iter().map(|stretch| stretch.bytes).sum(),
            truncated,
        }
    }
}

impl RangeView {
    fn new(stretch: &Stretch) -> Self {
        Self {
            start: time(stretch.span.start),
            end: time(stretch.span.end),
            duration_seconds: seconds(stretch.span.micros()),
            layer: LAYERS[usize::from(stretch.layer.min(1))],
            bytes: stretch.bytes,
            files: stretch.files,
            thinned: stretch.thinned,
        }
    }
}

fn seconds(micros: i64) -> f64 {
    micros as f64 / 1e6
}

/// The days on which something was recorded.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RecordedDates)]
pub(super) struct DatesView {
    status: Success,
    #[schema(value_type = Uuid)]
    device_id: DeviceId,
    /// The oldest first, in the server's configured zone.
    dates: Vec<DateView>,
}

/// A day on which something was recorded.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RecordedDate)]
struct DateView {
    #[schema(example = "20261122")]
    date: String,
    #[schema(format = Date)]
    formatted: String,
    segments_count: u64,
    bytes: u64,
}

impl DatesView {
    pub(super) fn new(device: DeviceId, days: &[RecordedDay]) -> Self {
        let date = |day: &RecordedDay| DateView {
            date: day.date.format("%Y%m%d").to_string(),
            formatted: day.date.format("%Y-%m-%d").to_string(),
            segments_count: day.files,
            bytes: day.bytes,
        };
        Self { status: Success::Success, device_id: device, dates: days.iter().map(date).collect() }
    }
}

/// How long the room lasts.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StorageForecast)]
pub(super) struct ForecastView {
    /// Stored.
    bytes: u64,
    /// That may still be stored before the oldest have to go; null where no limit is known.
    bytes_left: Option<u64>,
    /// Recorded at present.
    bytes_per_second: u64,
    /// Until the oldest have to go; null where that is not known.
    days_left: Option<f64>,
    /// Of footage that there will be in the long run.
    days_kept: Option<f64>,
    #[schema(format = DateTime)]
    checked_at: String,
}

impl ForecastView {
    pub(super) fn new(forecast: &Forecast, now: WallTime) -> Self {
        let tenths = |days: f64| (days * 10.0).round() / 10.0;
        Self {
            bytes: forecast.bytes,
            bytes_left: forecast.bytes_left,
            bytes_per_second: forecast.bytes_per_second,
            days_left: forecast.days_left.map(tenths),
            days_kept: forecast.days_kept.map(tenths),
            checked_at: time(now),
        }
    }
}
