//! Recordings: what there is, and what is recorded.
//!
//! `/api/v1/recordings` names a stream by its own id or by its device's, as older clients do.

use super::HttpState;
use super::extract::{Id, JsonFields, QueryFields};
use super::hls::MediaFile;
use super::playback::{Form, Shown, no_recording, read_layer};
use super::problem::Problem;
use super::recordings_view as view;
use super::streams_v1::EitherId;
use crate::control::recording::{CleanupError, dates, stretches};
use crate::control::{ControlError, StreamInfo};
use axum::extract::State;
use axum::http::{HeaderMap, Method};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use chrono::NaiveDate;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::time::Duration;
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

pub(super) fn routes() -> Router<HttpState> {
    Router::new()
        .route("/v2/streams/{id}/recordings", get(timeline))
        .route("/api/v1/recordings/plan", get(plan))
        .route("/api/v1/recordings/streams", get(list))
        .route("/api/v1/recordings/streams/{id}", get(show))
        .route("/api/v1/recordings/streams/{id}/start", post(start))
        .route("/api/v1/recordings/streams/{id}/stop", post(stop))
        .route("/api/v1/recordings/streams/{id}/cleanup", post(cleanup))
        .route("/api/v1/recordings/devices/{id}/dates", get(days))
        .route("/api/v1/recordings/devices/{id}/playlist", get(day))
        .route("/api/v1/recordings/devices/{id}/options", get(options).put(set_options))
        .route("/api/v1/recordings/devices/{id}/event", post(event))
        .route("/api/v1/recordings/devices/{id}/{name}", get(media))
}

impl HttpState {
    /// How a stream is recorded, as answers show it.
    fn recording_view(&self, info: &StreamInfo) -> Value {
        let status = self.control.recordings().status(info.device.id);
        json!({
            "stream_id": info.stream.id,
            "device_id": info.device.id,
            "name": info.stream.name.as_deref().unwrap_or(&info.device.fields.name),
            "is_recording": status.active,
            "recording": view::status(&status),
        })
    }

    /// Switches the recording of a device on or off by hand, for good.
    async fn switch(&self, id: Uuid, on: bool) -> Result<Json<Value>, Problem> {
        let (device, stream) = self.control.resolve(id).await?;
        let recordings = self.control.recordings();
        let changed = recordings.change_options(device, |options| options.by_hand = Some(on)).await;
        let options = changed.map_err(ControlError::from)?;
        let status = recordings.status_with(device, options);
        Ok(Json(json!({
            "status": "success",
            "device_id": device,
            "stream_id": stream.map(|stream| stream.id),
            "is_recording": status.active,
            "recording": view::status(&status),
        })))
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

async fn timeline(
    State(state): State<HttpState>,
    Id(id): Id<StreamId>,
    Ok(QueryFields(mut query)): Result<QueryFields, Infallible>,
) -> Result<Json<Value>, Problem> {
    let device = state.control.stream(id).await?.device.id;
    let now = state.clock.wall();
    let day = WallRange::new(now.add_micros(-A_DAY), now);
    let range = query.wall_range_or(day, LONGEST_TIMELINE);
    query.finish()?;
    let range = range.ok_or_else(no_recording)?;
    let (heads, truncated) = heads(state.recorded()?.library(), device, range).await?;
    let mut view = view::timeline(range, &stretches(&heads), truncated);
    view["stream_id"] = json!(id);
    view["device_id"] = json!(device);
    Ok(Json(view))
}

async fn plan(State(state): State<HttpState>) -> Result<Json<Value>, Problem> {
    let engine = state.recorded()?;
    let forecast = engine.retention.forecast().await.map_err(CleanupError::from)?;
    Ok(Json(view::forecast(&forecast, state.clock.wall())))
}

async fn list(State(state): State<HttpState>) -> Result<Json<Value>, Problem> {
    let streams = state.control.streams(StreamFilter::default()).await?;
    let views: Vec<_> = streams.iter().map(|info| state.recording_view(info)).collect();
    Ok(Json(json!({ "status": "success", "total": views.len(), "streams": views })))
}

async fn show(State(state): State<HttpState>, EitherId(id): EitherId) -> Result<Json<Value>, Problem> {
    let (_, stream) = state.control.resolve(id).await?;
    let stream: StreamRecord = stream.ok_or_else(|| Problem::not_found("stream"))?;
    let info = state.control.stream(stream.id).await?;
    let mut view = state.recording_view(&info);
    view["status"] = json!("success");
    Ok(Json(view))
}

async fn start(State(state): State<HttpState>, EitherId(id): EitherId) -> Result<Json<Value>, Problem> {
    state.switch(id, true).await
}

async fn stop(State(state): State<HttpState>, EitherId(id): EitherId) -> Result<Json<Value>, Problem> {
    state.switch(id, false).await
}

/// Removes what is due, of all devices: limits on all of them together know no single one.
async fn cleanup(State(state): State<HttpState>, EitherId(id): EitherId) -> Result<Json<Value>, Problem> {
    let (device, _) = state.control.resolve(id).await?;
    let round = state.control.recordings().cleanup().await?;
    Ok(Json(json!({
        "status": "success",
        "device_id": device,
        "deleted": round.deleted,
        "thinned": round.thinned,
        "freed_bytes": round.freed,
        "held_bytes": round.held,
    })))
}

async fn days(State(state): State<HttpState>, Id(id): Id<DeviceId>) -> Result<Json<Value>, Problem> {
    state.control.device(id).await?;
    let days = dates(state.recorded()?.library(), id, state.control.recordings().zone()).await?;
    Ok(Json(json!({
        "status": "success",
        "device_id": id,
        "dates": days.iter().map(view::day).collect::<Vec<_>>(),
    })))
}

/// A day as a playlist of MPEG-TS segments, which the oldest players play.
async fn day(
    State(state): State<HttpState>,
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

/// What a day's playlist names.
async fn media(
    State(state): State<HttpState>,
    Id(id): Id<DeviceId>,
    MediaFile(name): MediaFile,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    state.recorded_media(id.as_uuid(), &name, &method, &headers).await
}

async fn options(State(state): State<HttpState>, Id(id): Id<DeviceId>) -> Result<Json<Value>, Problem> {
    state.control.device(id).await?;
    let recordings = state.control.recordings();
    let options = recordings.options(id).await.map_err(ControlError::from)?;
    Ok(Json(options_view(&state, id, options)))
}

fn options_view(state: &HttpState, id: DeviceId, options: crate::db::RecordingOptions) -> Value {
    let status = state.control.recordings().status_with(id, options);
    json!({
        "device_id": id,
        "mode": options.mode,
        "retention_days": options.retention_days,
        "switched": options.by_hand.map(|on| if on { "on" } else { "off" }),
        "recording": view::status(&status),
    })
}

/// `{mode?, retention_days?}`: what is null follows the settings again. A mode that is given, or null, undoes what was
/// switched by hand.
async fn set_options(
    State(state): State<HttpState>,
    Id(id): Id<DeviceId>,
    JsonFields(mut body): JsonFields,
) -> Result<Json<Value>, Problem> {
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

/// Something happened at a device that is recorded around events.
async fn event(State(state): State<HttpState>, Id(id): Id<DeviceId>) -> Result<Json<Value>, Problem> {
    state.control.device(id).await?;
    let recorded = state.control.recordings().event(id);
    Ok(Json(json!({ "status": "success", "device_id": id, "recorded": recorded })))
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
