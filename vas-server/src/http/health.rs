//! Whether the server lives, is ready, and how its streams do.

use super::HttpState;
use super::guard::Scoped;
use super::problem::Problem;
use super::view::{HealthView, Verdict, time};
use crate::control::recording::NotRecording;
use axum::Json;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use vas_core::ports::StreamFilter;

pub(super) fn routes() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new()
        .routes(routes!(live))
        .routes(routes!(ready))
        .routes(routes!(overview))
        .routes(routes!(streams))
}

/// The server answers.
#[derive(Debug, Serialize, ToSchema)]
struct Liveness {
    status: Verdict,
    version: &'static str,
}

/// Whether the server lives
///
/// It does where it answers, whatever else is broken.
#[utoipa::path(
    get, path = "/health", tag = "Health",
    responses((status = 200, description = "It lives.", body = Liveness)),
)]
async fn live() -> Json<Liveness> {
    Json(Liveness { status: Verdict::Healthy, version: env!("CARGO_PKG_VERSION") })
}

/// The server can do its work.
#[derive(Debug, Serialize, ToSchema)]
struct Readiness {
    status: ReadinessStatus,
}

/// The one status of a server that is ready.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum ReadinessStatus {
    Ready,
}

/// Whether the server is ready
///
/// It is where what it needs answers, too.
#[utoipa::path(
    get, path = "/ready", tag = "Health",
    responses(
        (status = 200, description = "It is ready.", body = Readiness),
        (status = 503, description = "The database does not answer."),
    ),
)]
async fn ready(Scoped(state): Scoped<HttpState>) -> Result<Json<Readiness>, Problem> {
    if !state.database.is_up().await {
        let description = "the database does not answer; see the server's log";
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "NOT_READY", description).retry_after(2));
    }
    Ok(Json(Readiness { status: ReadinessStatus::Ready }))
}

/// How the server and its streams do, at a glance.
#[derive(Debug, Serialize, ToSchema)]
struct Overview {
    status: Verdict,
    version: &'static str,
    uptime_seconds: i64,
    components: Components,
    streams: StreamSums,
    #[schema(format = DateTime)]
    checked_at: String,
}

/// What the server needs.
#[derive(Debug, Serialize, ToSchema)]
struct Components {
    database: ComponentStatus,
    recording: ComponentStatus,
}

/// Whether something is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum ComponentStatus {
    Up,
    Starting,
    Down,
}

/// How many streams there are.
#[derive(Debug, Serialize, ToSchema)]
struct StreamSums {
    total: usize,
    running: usize,
    healthy: usize,
}

/// How the server does
#[utoipa::path(
    get, path = "/v2/health", tag = "Health",
    responses((status = 200, description = "At a glance.", body = Overview)),
)]
async fn overview(Scoped(state): Scoped<HttpState>) -> Result<Json<Overview>, Problem> {
    let database = state.database.is_up().await;
    let streams = state.control.streams(StreamFilter::default()).await?;
    let running: Vec<_> = streams.iter().filter(|info| info.stream.wanted).collect();
    let healthy = running.iter().filter(|info| Verdict::of(info) == Verdict::Healthy).count();
    let recording = match state.control.recordings().engine() {
        Ok(_) => ComponentStatus::Up,
        Err(NotRecording::Starting) => ComponentStatus::Starting,
        Err(NotRecording::Failed(_)) => ComponentStatus::Down,
    };
    let status = match () {
        () if !database => Verdict::Unhealthy,
        () if healthy < running.len() || recording == ComponentStatus::Down => Verdict::Degraded,
        () => Verdict::Healthy,
    };
    let database = if database { ComponentStatus::Up } else { ComponentStatus::Down };
    Ok(Json(Overview {
        status,
        version: env!("CARGO_PKG_VERSION"),
        uptime_seconds: state.uptime_seconds(),
        components: Components { database, recording },
        streams: StreamSums { total: streams.len(), running: running.len(), healthy },
        checked_at: time(state.clock.wall()),
    }))
}

/// How all streams do.
#[derive(Debug, Serialize, ToSchema)]
struct StreamsHealth {
    total: usize,
    healthy: usize,
    degraded: usize,
    unhealthy: usize,
    streams: Vec<HealthView>,
    #[schema(format = DateTime)]
    checked_at: String,
}

/// How all streams do
#[utoipa::path(
    get, path = "/v2/health/streams", tag = "Health",
    responses((status = 200, description = "Each stream that was not deleted.", body = StreamsHealth)),
)]
async fn streams(Scoped(state): Scoped<HttpState>) -> Result<Json<StreamsHealth>, Problem> {
    let streams = state.control.streams(StreamFilter::default()).await?;
    let count = |verdict| streams.iter().filter(|info| Verdict::of(info) == verdict).count();
    Ok(Json(StreamsHealth {
        total: streams.len(),
        healthy: count(Verdict::Healthy),
        degraded: count(Verdict::Degraded),
        unhealthy: count(Verdict::Unhealthy),
        streams: streams.iter().map(|info| state.health_view(info)).collect(),
        checked_at: time(state.clock.wall()),
    }))
}
