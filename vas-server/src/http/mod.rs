//! The HTTP side: routes, what they take and answer, and the listener.

pub(crate) mod consume;
mod devices;
mod extract;
mod fields;
mod health;
pub(crate) mod ice;
mod layers;
mod listener;
mod page;
mod problem;
mod streams;
mod streams_v1;
mod system;
mod view;
pub(crate) mod viewers;
pub(crate) mod whep;
mod whip;

pub(crate) use extract::Id;
pub(crate) use fields::Fields;
pub(crate) use listener::serve;
pub(crate) use problem::Problem;
pub(crate) use view::time;

use crate::config::Config;
use crate::control::{Control, ControlError};
use crate::db::Database;
use crate::ws::{self, Sockets};
use axum::Router;
use axum::http::StatusCode;
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
    system: Arc<system::Meter>,
    sockets: Sockets,
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
            sockets: Sockets::new(control.scope().child(), config.http.max_connections as usize),
            control,
            database,
            started_at: clock.wall(),
            system: Arc::new(system::Meter::new(clock.now())),
            clock,
            limits: Limits { body_bytes, sdp_bytes: MAX_SDP.min(body_bytes) },
            cors_origins: config.http.cors_origins.clone().into(),
            host_names: config.http.host_names.clone().into(),
        }
    }

    pub(crate) const fn control(&self) -> &Control {
        &self.control
    }

    pub(crate) const fn clock(&self) -> &SharedClock {
        &self.clock
    }

    pub(crate) const fn sockets(&self) -> &Sockets {
        &self.sockets
    }
}

/// All routes with everything around them.
pub(crate) fn router(state: &HttpState) -> Router {
    let routes = Router::new()
        .merge(devices::routes())
        .merge(streams::routes())
        .merge(streams_v1::routes())
        .merge(whep::routes())
        .merge(consume::routes())
        .merge(ws::routes())
        .merge(whip::routes())
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
            ControlError::Url { field, why } => Self::fields(&[(field.to_owned(), why)].into()),
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
