//! The playback calls of MediaMTX, so that players and scripts made for it work: `/list` and `/get`.
//!
//! A path is a device's or a stream's id, or a device's name.

use super::HttpState;
use super::extract::QueryFields;
use super::fields::Fields;
use super::guard::Scoped;
use super::playback::no_recording;
use super::playback_clips::ClipOf;
use super::problem::Problem;
use super::schema;
use super::view::time;
use crate::control::ControlError;
use crate::control::recording::stretches;
use axum::Json;
use axum::http::header::HOST;
use axum::http::{HeaderMap, Method};
use axum::response::Response;
use serde::Serialize;
use std::convert::Infallible;
use std::time::Duration;
use url::form_urlencoded::Serializer;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;
use vas_core::model::{Device, WallRange};
use vas_core::ports::Page;
use vas_core::{DeviceId, WallTime};
use vas_record::clip::ClipFormat;

/// Longest path taken, in characters: a device's name.
const LONGEST_PATH: usize = 200;
/// Files that one list is made of at most.
const MAX_FILES: u64 = 50_000;
/// Longest text taken for a length of time.
const LONGEST_DURATION: usize = 40;

pub(super) fn routes() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(fetch))
}

/// A stretch of time that was recorded without a break.
#[derive(Debug, Serialize, ToSchema)]
struct RecordedStretch {
    #[schema(format = DateTime)]
    start: String,
    /// In seconds.
    duration: f64,
    /// Where it can be fetched.
    url: String,
}

impl HttpState {
    /// The device that a path names.
    async fn device_of_path(&self, path: &str) -> Result<DeviceId, Problem> {
        if let Ok(id) = Uuid::parse_str(path) {
            return Ok(self.control.resolve(id).await?.0);
        }
        let all = self.control.devices(Page { offset: 0, limit: u64::MAX }).await?;
        let named = |device: &&Device| device.fields.name == path;
        Ok(all.iter().find(named).ok_or(ControlError::NoDevice)?.id)
    }
}

/// Refuses a path in which nothing is named.
fn required_path(query: &mut Fields) -> Option<String> {
    query.required_text("path", LONGEST_PATH)
}

/// List what was recorded, as MediaMTX does
#[utoipa::path(
    get, path = "/list", tag = "Recordings", params(schema::MediamtxListQuery),
    responses(
        (status = 200, description = "Stretches without a break.", body = Vec<RecordedStretch>),
        (status = 404, description = "There is no such path, or nothing is recorded (`NO_RECORDING`)."),
    ),
)]
async fn list(
    Scoped(state): Scoped<HttpState>,
    Ok(QueryFields(mut query)): Result<QueryFields, Infallible>,
    headers: HeaderMap,
) -> Result<Json<Vec<RecordedStretch>>, Problem> {
    let path = required_path(&mut query);
    let all = WallRange::new(WallTime::from_unix_micros(0), state.clock.wall().add_micros(60_000_000));
    let range = query.wall_range_or(all, Duration::MAX);
    query.finish()?;
    let (Some(path), Some(range)) = (path, range) else { return Err(no_recording()) };
    let device = state.device_of_path(&path).await?;
    let heads = state.recorded()?.library().heads(device, Some(0), range, MAX_FILES).await?;
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let entries: Vec<_> = stretches(&heads)
        .iter()
        .map(|stretch| {
            // What is outside of what was asked for is not told of.
            let (start, end) = (stretch.span.start.max(range.start), stretch.span.end.min(range.end));
            let (duration, start) = (end.micros_since(start).max(0) as f64 / 1e6, time(start));
            let query = Serializer::new(String::new())
                .append_pair("duration", &duration.to_string())
                .append_pair("path", &path)
                .append_pair("start", &start)
                .finish();
            RecordedStretch { start, duration, url: format!("http://{host}/get?{query}") }
        })
        .collect();
    if entries.is_empty() { Err(no_recording()) } else { Ok(Json(entries)) }
}

/// Fetch what was recorded as one MP4, as MediaMTX does
#[utoipa::path(
    get, path = "/get", tag = "Recordings", params(schema::MediamtxGetQuery),
    responses(
        schema::Mp4File,
        (status = 404, description = "There is no such path, or nothing is recorded (`NO_RECORDING`)."),
    ),
)]
async fn fetch(
    Scoped(state): Scoped<HttpState>,
    Ok(QueryFields(mut query)): Result<QueryFields, Infallible>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let path = required_path(&mut query);
    let start = query.required_time("start");
    let text = query.required_text("duration", LONGEST_DURATION);
    let duration = text.as_deref().and_then(parse_duration);
    if text.is_some() && duration.is_none() {
        query.refuse("duration", "must be a number of seconds above 0, or such as 1m30s");
    } else if duration.is_some_and(|duration| duration > state.limits.longest_range) {
        let hours = state.limits.longest_range.as_secs() / 3_600;
        query.refuse("duration", format!("must be {hours} hours at most"));
    }
    let format = match query.text("format", 20).as_deref() {
        None | Some("fmp4") => ClipFormat::Fragmented,
        Some("mp4") => ClipFormat::Progressive,
        Some(_) => {
            query.refuse("format", "must be fmp4 or mp4");
            ClipFormat::Fragmented
        }
    };
    query.finish()?;
    let (Some(path), Some(start), Some(duration)) = (path, start, duration) else {
        return Err(no_recording());
    };
    let device = state.device_of_path(&path).await?;
    let end = start.add_micros(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX));
    let of = ClipOf { device, layer: 0, range: WallRange::new(start, end), format };
    state.clip(of, &method, &headers).await
}

/// A number of seconds, or numbers with units as Go writes them: `1h2m3.5s`, `500ms`.
fn parse_duration(text: &str) -> Option<Duration> {
    let seconds = match text.parse::<f64>() {
        Ok(seconds) => seconds,
        Err(_) => with_units(text)?,
    };
    Duration::try_from_secs_f64(seconds).ok().filter(|duration| !duration.is_zero())
}

fn with_units(mut text: &str) -> Option<f64> {
    let mut seconds = 0.0;
    while !text.is_empty() {
        let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, rest) = text.split_at(digits);
        let unit_end = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
        let (unit, rest) = rest.split_at(unit_end);
        let length = match unit {
            "h" => 3_600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 0.001,
            _ => return None,
        };
        seconds += number.parse::<f64>().ok()? * length;
        text = rest;
    }
    Some(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_seconds_or_have_units() {
        for (text, millis) in
            [("5", 5_000), ("0.5", 500), ("1m30s", 90_000), ("1h0m0.25s", 3_600_250), ("500ms", 500)]
        {
            assert_eq!(parse_duration(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "0", "-1", "NaN", "inf", "1e400", "s", "1d", "1m2", "1..5s", "ä", "5 s"] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }
}
