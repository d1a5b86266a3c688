//! Recordings: what there is, and what is recorded.
//!
//! `/api/v1/recordings` names a stream by its own id or by its device's, as older clients do.

use super::HttpState;
use super::extract::{Id, JsonFields, QueryFields};
use super::guard::Scoped;
use super::hls::MediaFile;
use super::playback::{Form, Shown, no_recording, read_layer};
use super::problem::Problem;
use super::recordings_view::{
    CleanupView, DatesView, EventView, ForecastView, OptionsView, RecordedStreamAnswer, RecordedStreamView,
    RecordedStreamsView, SwitchedView, TimelineView,
};
use super::schema;
use super::streams_v1::EitherId;
use crate::control::recording::{CleanupError, dates, stretches};
use crate::control::{ControlError, StreamInfo};
use axum::Json;
use axum::http::{HeaderMap, Method};
use axum::response::Response;
use chrono::NaiveDate;
use std::convert::Infallible;
use std::time::Duration;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;
use vas_core::model::WallRange;
use vas_core::ports::{RecordingHead, StreamFilter, StreamRecord};
use vas_core::{DeviceId, HasKind, StreamId};
use vas_record::library::Library;

/// Longest stretch of time that a timeline may be asked for: a leap year.
const LONGEST_TIMELINE: Duration = Duration::from_secs(366 * 86_400);
/// A timeline without a start is that of so many microseconds.
const A_DAY: i64 = 86_400_000_000;
/// Files that one timeline is made of at most: a month of one camera.
const MAX_FILES: u64 = 50_000;

pub(super) fn routes() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new()
        .routes(routes!(timeline))
        .routes(routes!(plan))
        .routes(routes!(list))
        .routes(routes!(show))
        .routes(routes!(start))
        .routes(routes!(stop))
        .routes(routes!(cleanup))
        .routes(routes!(days))
        .routes(routes!(day))
        .routes(routes!(options, set_options))
        .routes(routes!(event))
        .routes(routes!(media))
}

impl HttpState {
    /// How a stream is recorded, as answers show it.
    fn recording_view(&self, info: &StreamInfo) -> RecordedStreamView {
        RecordedStreamView::new(info, &self.control.recordings().status(info.device.id))
    }

    /// Switches the recording of a device on or off by hand, for good.
    async fn switch(&self, id: Uuid, on: bool) -> Result<Json<SwitchedView>, Problem> {
        let (device, stream) = self.control.resolve(id).await?;
        let recordings = self.control.recordings();
        let changed = recordings.change_options(device, |options| options.by_hand = Some(on)).await;
        let options = changed.map_err(ControlError::from)?;
        let status = recordings.status_with(device, options);
        Ok(Json(SwitchedView::new(device, stream.map(|stream| stream.id), &status)))
    }
}

/// The files of a range, and whether there are more of them than are looked at.
async fn heads(
    library: &Library,
    device: DeviceId,
    range: WallRange,
) -> Result<(Vec<RecordingHead>, bool), Problem> {
    let heads = library.heads(device, None, range, MAX_FILES).await?;
    let truncated = heads.len() as u64 >= MAX_FILES;
    Ok((heads, truncated))
}

/// List what was recorded of a stream, for a timeline
#[utoipa::path(
    get, path = "/v2/streams/{id}/recordings", tag = "Recordings",
    params(schema::StreamPath, schema::TimelineQuery),
    responses((status = 200, description = "The recorded ranges.", body = TimelineView)),
)]
async fn timeline(
    Scoped(state): Scoped<HttpState>,
    Id(id): Id<StreamId>,
    Ok(QueryFields(mut query)): Result<QueryFields, Infallible>,
) -> Result<Json<TimelineView>, Problem> {
    let device = state.control.stream(id).await?.device.id;
    let now = state.clock.wall();
    let day = WallRange::new(now.add_micros(-A_DAY), now);
    let range = query.wall_range_or(day, LONGEST_TIMELINE);
    query.finish()?;
    let range = range.ok_or_else(no_recording)?;
    let (heads, truncated) = heads(state.recorded()?.library(), device, range).await?;
    Ok(Json(TimelineView::new(id, device, range, &stretches(&heads), truncated)))
}

/// Show how long the room for recordings lasts
#[utoipa::path(
    get, path = "/api/v1/recordings/plan", tag = "Recordings",
    responses((status = 200, description = "The forecast at the present rate.", body = ForecastView)),
)]
async fn plan(Scoped(state): Scoped<HttpState>) -> Result<Json<ForecastView>, Problem> {
    let engine = state.recorded()?;
    let forecast = engine.retention.forecast().await.map_err(CleanupError::from)?;
    Ok(Json(ForecastView::new(&forecast, state.clock.wall())))
}

/// List how all streams are recorded
#[utoipa::path(
    get, path = "/api/v1/recordings/streams", tag = "Recordings",
    responses((status = 200, description = "Those that were not deleted.", body = RecordedStreamsView)),
)]
async fn list(Scoped(state): Scoped<HttpState>) -> Result<Json<RecordedStreamsView>, Problem> {
    let streams = state.control.streams(StreamFilter::default()).await?;
    let views = streams.iter().map(|info| state.recording_view(info)).collect();
    Ok(Json(RecordedStreamsView::new(views)))
}

/// Show how a stream is recorded
#[utoipa::path(
    get, path = "/api/v1/recordings/streams/{id}", tag = "Recordings", params(schema::EitherPath),
    responses((status = 200, description = "Its recording.", body = RecordedStreamAnswer)),
)]
async fn show(
    Scoped(state): Scoped<HttpState>,
    EitherId(id): EitherId,
) -> Result<Json<RecordedStreamAnswer>, Problem> {
    let (_, stream) = state.control.resolve(id).await?;
    let stream: StreamRecord = stream.ok_or_else(|| Problem::not_found("stream"))?;
    let info = state.control.stream(stream.id).await?;
    Ok(Json(state.recording_view(&info).into()))
}

/// Switch a recording on
///
/// Whatever the mode is, until it is switched off or the mode is set anew.
#[utoipa::path(
    post, path = "/api/v1/recordings/streams/{id}/start", tag = "Recordings", params(schema::EitherPath),
    responses((status = 200, description = "It is recorded while the stream runs.", body = SwitchedView)),
)]
async fn start(
    Scoped(state): Scoped<HttpState>,
    EitherId(id): EitherId,
) -> Result<Json<SwitchedView>, Problem> {
    state.switch(id, true).await
}

/// Switch a recording off
///
/// Whatever the mode is, until it is switched on or the mode is set anew.
#[utoipa::path(
    post, path = "/api/v1/recordings/streams/{id}/stop", tag = "Recordings", params(schema::EitherPath),
    responses((status = 200, description = "It is not recorded.", body = SwitchedView)),
)]
async fn stop(
    Scoped(state): Scoped<HttpState>,
    EitherId(id): EitherId,
) -> Result<Json<SwitchedView>, Problem> {
    state.switch(id, false).await
}

/// Remove now what retention would remove
///
/// Of all devices: limits on all of them together know no single one.
#[utoipa::path(
    post, path = "/api/v1/recordings/streams/{id}/cleanup", tag = "Recordings", params(schema::EitherPath),
    responses((status = 200, description = "What was removed.", body = CleanupView)),
)]
async fn cleanup(
    Scoped(state): Scoped<HttpState>,
    EitherId(id): EitherId,
) -> Result<Json<CleanupView>, Problem> {
    let (device, _) = state.control.resolve(id).await?;
    let round = state.control.recordings().cleanup().await?;
    Ok(Json(CleanupView::new(device, &round)))
}

/// List the days on which something was recorded
#[utoipa::path(
    get, path = "/api/v1/recordings/devices/{id}/dates", tag = "Recordings", params(schema::DevicePath),
    responses((status = 200, description = "The days.", body = DatesView)),
)]
async fn days(Scoped(state): Scoped<HttpState>, Id(id): Id<DeviceId>) -> Result<Json<DatesView>, Problem> {
    state.control.device(id).await?;
    let days = dates(state.recorded()?.library(), id, state.control.recordings().zone()).await?;
    Ok(Json(DatesView::new(id, &days)))
}

/// Play a day, as HLS of MPEG-TS segments
#[utoipa::path(
    get, path = "/api/v1/recordings/devices/{id}/playlist", tag = "Recordings",
    params(schema::DevicePath, schema::DayQuery),
    responses((status = 200, description = "The playlist.", body = String, content_type = "application/vnd.apple.mpegurl")),
)]
async fn day(
    Scoped(state): Scoped<HttpState>,
    Id(id): Id<DeviceId>,
    Ok(QueryFields(mut query)): Result<QueryFields, Infallible>,
) -> Result<Response, Problem> {
    state.control.device(id).await?;
    let text = query.required_text("date", 20);
    let date = text.as_deref().and_then(parse_date);
    if text.is_some() && date.is_none() {
        query.refuse("date", "must be a day such as 20261122");
    }
    let layer = read_layer(&mut query);
    query.finish()?;
    let date = date.ok_or_else(no_recording)?;
    let zone = state.control.recordings().zone();
    let range = WallRange::new(zone.start_of(date), zone.end_of(date));
    let shown = Shown { device: id, layer, range, form: Form::Ts };
    state.recorded_playlist(shown, id.as_uuid(), "").await
}

/// `20261122`: a day that calendars have.
fn parse_date(text: &str) -> Option<NaiveDate> {
    let digits = text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<u32>().ok();
    let year = number(0..4).filter(|_| digits)?;
    NaiveDate::from_ymd_opt(year.try_into().ok()?, number(4..6)?, number(6..8)?)
}

/// Media that a day's playlist names
#[utoipa::path(
    get,
    path = "/api/v1/recordings/devices/{id}/{name}",
    tag = "Recordings",
    params(schema::DeviceMediaPath),
    responses(schema::Media)
)]
async fn media(
    Scoped(state): Scoped<HttpState>,
    Id(id): Id<DeviceId>,
    MediaFile(name): MediaFile,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    state.recorded_media(id.as_uuid(), &name, &method, &headers).await
}

/// Show how a device is recorded
#[utoipa::path(
    get, path = "/api/v1/recordings/devices/{id}/options", tag = "Recordings", params(schema::DevicePath),
    responses((status = 200, description = "Where that differs from the settings.", body = OptionsView)),
)]
async fn options(
    Scoped(state): Scoped<HttpState>,
    Id(id): Id<DeviceId>,
) -> Result<Json<OptionsView>, Problem> {
    state.control.device(id).await?;
    let recordings = state.control.recordings();
    let options = recordings.options(id).await.map_err(ControlError::from)?;
    Ok(Json(options_view(&state, id, options)))
}

fn options_view(state: &HttpState, id: DeviceId, options: crate::db::RecordingOptions) -> OptionsView {
    OptionsView::new(id, options, &state.control.recordings().status_with(id, options))
}

/// Change how a device is recorded
///
/// What is null follows the settings again. A mode that is given, or null, undoes what was switched by hand.
#[utoipa::path(
    put, path = "/api/v1/recordings/devices/{id}/options", tag = "Recordings", params(schema::DevicePath),
    request_body = schema::RecordingOptions,
    responses((status = 200, description = "What holds now.", body = OptionsView)),
)]
async fn set_options(
    Scoped(state): Scoped<HttpState>,
    Id(id): Id<DeviceId>,
    JsonFields(mut body): JsonFields,
) -> Result<Json<OptionsView>, Problem> {
    state.control.device(id).await?;
    let (has_mode, has_days) = (body.has("mode"), body.has("retention_days"));
    let mode = body.parsed("mode", "must be continuous, schedule, event or off");
    let days = body.optional_integer("retention_days", 0, 36_525).map(|days| days as u32);
    body.finish()?;
    let changed = state.control.recordings().change_options(id, |options| {
        if has_mode {
            (options.mode, options.by_hand) = (mode, None);
        }
        if has_days {
            options.retention_days = days;
        }
    });
    let options = changed.await.map_err(ControlError::from)?;
    Ok(Json(options_view(&state, id, options)))
}

/// Tell that something happened at a device that is recorded around events
#[utoipa::path(
    post, path = "/api/v1/recordings/devices/{id}/event", tag = "Recordings", params(schema::DevicePath),
    responses((status = 200, description = "Whether it is recorded.", body = EventView)),
)]
async fn event(Scoped(state): Scoped<HttpState>, Id(id): Id<DeviceId>) -> Result<Json<EventView>, Problem> {
    state.control.device(id).await?;
    let recorded = state.control.recordings().event(id);
    Ok(Json(EventView::new(id, recorded)))
}

impl From<CleanupError> for Problem {
    fn from(error: CleanupError) -> Self {
        tracing::error!(%error, kind = ?error.kind(), "retention");
        Self::of(&error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_eight_digits_of_a_calendar() {
        assert_eq!(parse_date("20261122"), NaiveDate::from_ymd_opt(2026, 11, 22));
        for text in
            ["", "2026112", "2026-11-22", "20261322", "20260230", "../../etc", "２０２６１１２２", "+2261122"]
        {
            assert_eq!(parse_date(text), None, "{text}");
        }
    }
}
