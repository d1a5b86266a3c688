//! `/metrics`: figures in the text format of Prometheus (version 0.0.4), for whoever collects them.
//!
//! Written by a small encoder rather than through the crates `metrics` and `metrics-exporter-prometheus`: all figures but
//! those of requests are kept elsewhere already and are read when somebody asks. A recorder would hold copies of them,
//! would go on showing cameras that are gone, and is one for the whole process, where tests run several servers.
//!
//! What can stand in a label is bounded: routes are patterns, states and methods are few, and of cameras there is the
//! device's id alone, never a name or an address.

mod figures;
mod text;
mod traffic;

pub(super) use traffic::{Traffic, remember_route};

use super::HttpState;
use super::guard::Scoped;
use super::problem::Problem;
use crate::auth::Principal;
use crate::control::Control;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The path of the figures.
pub(super) const PATH: &str = "/metrics";
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(super) fn routes() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new().routes(routes!(show))
}

/// Figures for collectors
///
/// Of the process, of requests, and of the streams that the caller sees, in the text format of Prometheus. Anybody may
/// read them where `metrics.public` is set.
#[utoipa::path(
    get, path = "/metrics", tag = "System",
    responses((status = 200, description = "The figures.", body = String, content_type = "text/plain")),
)]
async fn show(State(state): State<HttpState>, Scoped(control): Scoped<Control>) -> Result<Response, Problem> {
    let settings = state.settings.current();
    // Where anybody may read them nobody was asked, and so nothing would be seen.
    let control = if settings.metrics.public { state.control.seen_by(&Principal::anyone()) } else { control };
    let text = figures::write(&state, &control, settings.metrics.per_stream).await?;
    Ok(([(CONTENT_TYPE, TEXT), (CACHE_CONTROL, "no-store")], text).into_response())
}
