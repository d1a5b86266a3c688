//! The HTTP side: routes, what they take and answer, and the listener.

mod devices;
mod extract;
mod fields;
mod health;
mod layers;
mod listener;
mod page;
mod problem;
mod streams;
mod streams_v1;
mod system;
mod view;
mod whep;

pub(crate) use listener::serve;

use crate::config::Config;
use crate::control::{Control, ControlError};
use crate::db::Database;
use axum::Router;
use axum::http::StatusCode;
use problem::Problem;
use serde_json::json;
use std::sync::Arc;
use vas_core::ports::RepoError;
use vas_core::{ErrorKind, HasKind, SharedClock, WallTime};

/// Largest SDP in bytes; offers of browsers have 3 to 10 kB.
const MAX_SDP: usize = 64 << 10;

/// What handlers work with.
#[derive(Clone, Debug)]
pub(crate) struct HttpState {
    control: Control,
    database: Database,
    clock: SharedClock,
    started_at: WallTime,
    limits: Limits,
    cors_origins: Arc<[String]>,
    host_names: Arc<[String]>,
    ice_servers: Arc<[String]>,
    system: Arc<system::Meter>,
}

/// Bounds on what clients send.
#[derive(Clone, Copy, Debug)]
struct Limits {
    body_bytes: usize,
    sdp_bytes: usize,
}

impl HttpState {
    pub(crate) fn new(control: Control, database: Database, clock: SharedClock, config: &Config) -> Self {
        let body_bytes = config.http.max_body_bytes as usize;
        Self {
            control,
            database,
            started_at: clock.wall(),
            system: Arc::new(system::Meter::new(clock.now())),
            clock,
            limits: Limits { body_bytes, sdp_bytes: MAX_SDP.min(body_bytes) },
            cors_origins: config.http.cors_origins.clone().into(),
            host_names: config.http.host_names.clone().into(),
            ice_servers: config.media.ice_servers.clone().into(),
        }
    }
}

/// All routes with everything around them.
pub(crate) fn router(state: &HttpState) -> Router {
    let routes = Router::new()
        .merge(devices::routes())
        .merge(streams::routes())
        .merge(streams_v1::routes())
        .merge(whep::routes())
        .merge(health::routes())
        .merge(system::routes())
        .merge(page::routes())
        .fallback(async || {
            Problem::new(StatusCode::NOT_FOUND, "NOT_FOUND", "there is nothing at this address")
        })
        .with_state(state.clone());
    layers::wrap(routes, state)
}

impl From<ControlError> for Problem {
    fn from(error: ControlError) -> Self {
        let problem = Self::of(&error);
        match error {
            ControlError::Url(why) => Self::fields(&[("rtsp_url".to_owned(), why)].into()),
            ControlError::Running(stream) => problem.with_details(json!({ "stream_id": stream })),
            ControlError::Repo(RepoError::Taken { field }) => problem.with_details(json!({ "field": field })),
            ControlError::Repo(RepoError::NotFound { what }) => Self::not_found(what),
            error => {
                if matches!(error.kind(), ErrorKind::Internal | ErrorKind::Unavailable) {
                    let source = std::error::Error::source(&error).map(ToString::to_string);
                    tracing::error!(%error, source, "a request failed");
                }
                problem
            }
        }
    }
}
