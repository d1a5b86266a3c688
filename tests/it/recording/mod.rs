//! Recording from end to end: real cameras, the server, ffmpeg as the judge, hls.js in Chromium, and failures of every
//! part on the way.

mod captures;
mod counted;
mod exact;
mod judge;
mod killed;
mod load;
mod node;
mod outages;
mod players;
mod renditions;
mod sound;
mod watching;

use crate::server::{Camera, Server};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::time::Duration;

/// What takes longer never happens, on a machine that is busy with other tests.
const SOON: Duration = Duration::from_secs(40);

/// The recorded stretches of a camera's main stream, as starts and ends in microseconds of UTC.
async fn stretches(server: &Server, camera: &Camera) -> Result<Vec<(i64, i64)>> {
    let path = format!("v2/streams/{}/recordings", camera.stream);
    stretches_of(&server.get(&path).await?)
}

fn stretches_of(timeline: &Value) -> Result<Vec<(i64, i64)>> {
    let ranges = timeline["ranges"].as_array().context("a timeline has ranges")?;
    let time = |value: &Value| micros(value.as_str().unwrap_or_default());
    ranges.iter().map(|range| Ok((time(&range["start"])?, time(&range["end"])?))).collect()
}

/// Microseconds of UTC of a time in an answer.
fn micros(text: &str) -> Result<i64> {
    let time = vas_server::archive::parse_time(text).with_context(|| format!("no time: {text:?}"))?;
    Ok(time.as_unix_micros())
}

/// A time as requests take it.
fn rfc3339(micros: i64) -> String {
    vas_server::archive::format_time(vas_core::WallTime::from_unix_micros(micros))
}

/// Waits until so many seconds of a camera are recorded; gives the first stretch.
async fn recorded(server: &Server, camera: &Camera, seconds: i64) -> Result<(i64, i64)> {
    let what = format!("{seconds} s of recording");
    crate::wait::until(SOON + Duration::from_secs(seconds.unsigned_abs()), &what, async || {
        let first = *stretches(server, camera).await.ok()?.first()?;
        (first.1 - first.0 >= seconds * 1_000_000).then_some(first)
    })
    .await
}

/// GETs bytes, and the headers that came with them.
async fn fetch(url: &str) -> Result<(reqwest::header::HeaderMap, Vec<u8>)> {
    let response = reqwest::get(url).await?;
    let (status, headers) = (response.status(), response.headers().clone());
    let body = response.bytes().await?.to_vec();
    ensure!(status.is_success(), "GET {url}: {status} {}", String::from_utf8_lossy(&body));
    Ok((headers, body))
}
