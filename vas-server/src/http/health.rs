//! Whether the server lives, is ready, and how its streams do.

use super::HttpState;
use super::problem::Problem;
use super::view::{self, Verdict};
use crate::control::recording::NotRecording;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use vas_core::ports::StreamFilter;

pub(super) fn routes() -> Router<HttpState> {
    Router::new()
        .route("/health", get(live))
        .route("/ready", get(ready))
        .route("/v2/health", get(overview))
        .route("/v2/health/streams", get(streams))
}

/// Liveness: whether this process answers, whatever else is broken.
async fn live() -> Json<Value> {
    Json(json!({ "status": "healthy", "version": env!("CARGO_PKG_VERSION") }))
}

/// Readiness: whether what the server needs answers.
async fn ready(State(state): State<HttpState>) -> Result<Json<Value>, Problem> {
    if !state.database.is_up().await {
        let description = "the database does not answer; see the server's log";
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "NOT_READY", description).retry_after(2));
    }
    Ok(Json(json!({ "status": "ready" })))
}

async fn overview(State(state): State<HttpState>) -> Result<Json<Value>, Problem> {
    let database = state.database.is_up().await;
    let streams = state.control.streams(StreamFilter::default()).await?;
    let running: Vec<_> = streams.iter().filter(|info| info.stream.wanted).collect();
    let healthy = running.iter().filter(|info| Verdict::of(info) == Verdict::Healthy).count();
    let recording = match state.control.recordings().engine() {
        Ok(_) => "up",
        Err(NotRecording::Starting) => "starting",
        Err(NotRecording::Failed(_)) => "down",
    };
    let status = match () {
        () if !database => Verdict::Unhealthy,
        () if healthy < running.len() || recording == "down" => Verdict::Degraded,
        () => Verdict::Healthy,
    };
    Ok(Json(json!({
        "status": status.name(),
        "version": env!("CARGO_PKG_VERSION"),
        "uptime_seconds": state.uptime_seconds(),
        "components": { "database": if database { "up" } else { "down" }, "recording": recording },
        "streams": { "total": streams.len(), "running": running.len(), "healthy": healthy },
        "checked_at": view::time(state.clock.wall()),
    })))
}

async fn streams(State(state): State<HttpState>) -> Result<Json<Value>, Problem> {
    let streams = state.control.streams(StreamFilter::default()).await?;
    let count = |verdict| streams.iter().filter(|info| Verdict::of(info) == verdict).count();
    Ok(Json(json!({
        "total": streams.len(),
        "healthy": count(Verdict::Healthy),
        "degraded": count(Verdict::Degraded),
        "unhealthy": count(Verdict::Unhealthy),
        "streams": streams.iter().map(|info| state.health_view(info)).collect::<Vec<_>>(),
        "checked_at": view::time(state.clock.wall()),
    })))
}
