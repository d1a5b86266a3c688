//! The HTTP side: routes, what they take and answer, and the listener.

mod bookmarks;
mod captures;
pub(crate) mod consume;
mod devices;
mod extract;
mod fields;
mod health;
mod hls;
mod hls_names;
pub(crate) mod ice;
mod layers;
mod listener;
mod media_range;
mod media_url;
mod mediamtx;
mod page;
mod playback;
mod playback_clips;
mod playback_names;
mod problem;
mod recordings;
mod recordings_view;
mod snapshots;
mod stills;
mod streams;
mod streams_v1;
mod system;
mod times;
mod view;
pub(crate) mod viewers;
pub(crate) mod whep;
mod whip;

pub(crate) use extract::Id;
pub(crate) use fields::Fields;
pub(crate) use listener::serve;
pub(crate) use problem::Problem;
pub(crate) use times::parse as parse_time;
pub(crate) use view::time;

use crate::config::Config;
use crate::control::recording::{WindowLimits, Windows};
use crate::control::{Control, ControlError};
use crate::db::Database;
use crate::ws::{self, Sockets};
use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::http::{Extensions, HeaderMap, HeaderValue, StatusCode, Version};
use media_url::MediaUrls;
use playback_clips::ClipPlans;
use serde_json::json;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{Predicate, SizeAbove};
use vas_core::hub::StreamHub;
use vas_core::ports::RepoError;
use vas_core::{ErrorKind, HasKind, SharedClock, WallTime};
use vas_record::hls::TsCache;

/// Largest SDP in bytes; offers of browsers have 3 to 10 kB.
const MAX_SDP: usize = 64 << 10;
/// Bytes of MPEG-TS segments that are kept: those that several players ask for at about the same time.
const TS_CACHE: usize = 64 << 20;
/// MPEG-TS segments that are made at the same time.
const TS_MAKERS: NonZeroUsize = NonZeroUsize::new(4).expect("not zero");
/// Answers of fewer bytes are not worth compressing.
const WORTH_COMPRESSING: u64 = 512;

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
    windows: Windows,
    media_urls: Arc<MediaUrls>,
    ts_cache: TsCache,
    clips: ClipPlans,
}

/// Bounds on what clients send.
#[derive(Clone, Copy, Debug)]
struct Limits {
    body_bytes: usize,
    sdp_bytes: usize,
    /// Longest stretch of time that one playlist or clip may be asked for.
    longest_range: Duration,
}

impl HttpState {
    pub(crate) fn new(
        control: Control,
        database: Database,
        hub: StreamHub,
        clock: SharedClock,
        config: &Config,
    ) -> Self {
        let body_bytes = config.http.max_body_bytes as usize;
        let hls = &config.hls;
        let windows = WindowLimits {
            count: hls.max_streams as usize,
            bytes: hls.window_mb as usize * 1_000_000,
            idle: Duration::from_secs(hls.idle_seconds.into()),
        };
        let url_ttl = Duration::from_secs(hls.url_ttl_seconds.into());
        Self {
            windows: Windows::new(hub, clock.clone(), control.scope().child(), windows),
            media_urls: Arc::new(MediaUrls::open(&config.data_dir, url_ttl)),
            ts_cache: TsCache::new(TS_CACHE, TS_MAKERS),
            clips: ClipPlans::default(),
            sockets: Sockets::new(control.scope().child(), config.http.max_connections as usize),
            control,
            database,
            started_at: clock.wall(),
            system: Arc::new(system::Meter::new(clock.now())),
            clock,
            limits: Limits {
                body_bytes,
                sdp_bytes: MAX_SDP.min(body_bytes),
                longest_range: Duration::from_secs(u64::from(hls.max_range_hours) * 3_600),
            },
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
        .merge(bookmarks::routes())
        .merge(snapshots::routes())
        .merge(stills::routes())
        .merge(health::routes())
        .merge(system::routes())
        .merge(page::routes())
        .merge(recorded_routes())
        .fallback(async || {
            Problem::new(StatusCode::NOT_FOUND, "NOT_FOUND", "there is nothing at this address")
        })
        .with_state(state.clone());
    layers::wrap(routes, state)
}

/// HLS and recordings: playlists and lists are long texts, and worth compressing.
fn recorded_routes() -> Router<HttpState> {
    let is_text = |_: StatusCode, _: Version, headers: &HeaderMap, _: &Extensions| {
        let content_type = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
        content_type.is_some_and(|kind| kind == hls::PLAYLIST.as_bytes() || kind == b"application/json")
    };
    Router::new()
        .merge(hls::routes())
        .merge(playback::routes())
        .merge(playback_clips::routes())
        .merge(recordings::routes())
        .merge(mediamtx::routes())
        .layer(
            CompressionLayer::new().gzip(true).compress_when(SizeAbove::new(WORTH_COMPRESSING).and(is_text)),
        )
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
