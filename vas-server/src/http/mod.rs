//! The HTTP side: routes, what they take and answer, and the listener.

mod auth;
mod bookmarks;
mod captures;
pub(crate) mod client;
mod config_status;
pub(crate) mod consume;
mod dashboard;
mod device_fields;
mod devices;
mod devices_bulk;
mod events;
mod extract;
mod fields;
mod guard;
mod health;
mod hls;
mod hls_names;
pub(crate) mod ice;
mod layers;
mod listener;
mod listing;
mod media_range;
mod media_url;
mod mediamtx;
mod metrics;
mod openapi;
mod page;
mod playback;
mod playback_clips;
mod playback_names;
mod portable;
mod problem;
mod rates;
mod recordings;
mod recordings_view;
pub(crate) mod schema;
mod snapshots;
mod stills;
mod streams;
mod streams_v1;
pub(crate) mod system;
mod times;
mod view;
pub(crate) mod viewers;
pub(crate) mod whep;
mod whip;

pub(crate) use device_fields::new_device;
pub(crate) use devices_bulk::rows_of_csv;
pub(crate) use events::EventQuery;
pub(crate) use extract::Id;
pub(crate) use fields::Fields;
pub(crate) use guard::Scoped;
pub(crate) use listener::Listeners;
pub use listener::{ListenError, TlsError};
pub use openapi::openapi;
pub(crate) use problem::Problem;
pub(crate) use times::parse as parse_time;
pub(crate) use view::{DeviceView, time};

use crate::auth::Auth;
use crate::config::LiveConfig;
use crate::control::recording::{WindowLimits, Windows};
use crate::control::{Control, ControlError};
use crate::db::Database;
use crate::reload::Statuses;
use crate::ws::{self, Sockets};
use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::http::{Extensions, HeaderMap, HeaderValue, StatusCode, Version};
use axum::middleware::{from_fn, from_fn_with_state};
use client::Proxies;
use media_url::MediaUrls;
use metrics::Traffic;
use playback_clips::ClipPlans;
use rates::Rates;
use serde_json::json;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{Predicate, SizeAbove};
use utoipa_axum::router::OpenApiRouter;
use vas_core::hub::StreamHub;
use vas_core::ports::RepoError;
use vas_core::{ErrorKind, HasKind, SharedClock, WallTime};
use vas_record::hls::TsCache;
use vas_sfu::Sfu;

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
    /// Sees nothing until somebody was let in: handlers take `Scoped`, whose control sees what the caller may.
    control: Control,
    auth: Auth,
    database: Database,
    clock: SharedClock,
    started_at: WallTime,
    limits: Limits,
    settings: LiveConfig,
    proxies: Arc<Proxies>,
    rates: Arc<Rates>,
    traffic: Arc<Traffic>,
    sfu: Sfu,
    reloads: Statuses,
    /// Held while settings are changed.
    settings_lock: Arc<tokio::sync::Mutex<()>>,
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

/// What [`HttpState`] is made of.
pub(crate) struct HttpParts {
    pub(crate) control: Control,
    pub(crate) auth: Auth,
    pub(crate) database: Database,
    pub(crate) hub: StreamHub,
    pub(crate) clock: SharedClock,
    pub(crate) settings: LiveConfig,
    pub(crate) reloads: Statuses,
    pub(crate) sfu: Sfu,
}

impl HttpState {
    pub(crate) fn new(parts: HttpParts) -> Self {
        let HttpParts { control, auth, database, hub, clock, settings, reloads, sfu } = parts;
        let config = settings.current();
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
            proxies: Arc::new(Proxies::new(&config.http)),
            rates: Arc::new(Rates::new(&config.limits)),
            traffic: Traffic::shared(),
            sfu,
            sockets: Sockets::new(control.scope().child(), config.http.max_connections as usize),
            control: control.seen_by_nobody(),
            auth,
            database,
            started_at: clock.wall(),
            system: Arc::new(system::Meter::new(clock.now())),
            clock,
            limits: Limits {
                body_bytes,
                sdp_bytes: MAX_SDP.min(body_bytes),
                longest_range: Duration::from_secs(u64::from(hls.max_range_hours) * 3_600),
            },
            settings,
            reloads,
            settings_lock: Arc::default(),
        }
    }

    pub(crate) const fn control(&self) -> &Control {
        &self.control
    }

    pub(crate) const fn clock(&self) -> &SharedClock {
        &self.clock
    }

    const fn limits(&self) -> Limits {
        self.limits
    }

    pub(crate) const fn sockets(&self) -> &Sockets {
        &self.sockets
    }
}

/// The routes of the API, each with its description.
fn api() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new()
        .merge(auth::routes())
        .merge(devices::routes())
        .merge(devices_bulk::routes())
        .merge(config_status::routes())
        .merge(portable::routes())
        .merge(streams::routes())
        .merge(streams_v1::routes())
        .merge(whep::routes())
        .merge(consume::routes())
        .merge(ws::routes())
        .merge(events::routes())
        .merge(whip::routes())
        .merge(bookmarks::routes())
        .merge(snapshots::routes())
        .merge(stills::routes())
        .merge(dashboard::routes())
        .merge(health::routes())
        .merge(system::routes())
        .merge(metrics::routes())
        .merge(recorded_routes())
}

/// All routes with everything around them.
pub(crate) fn router(state: &HttpState) -> Router {
    let routes = Router::from(api())
        .merge(openapi::routes())
        .merge(page::routes())
        .route_layer(from_fn_with_state(state.clone(), rates::by_account))
        .route_layer(from_fn_with_state(state.clone(), guard::admit))
        .route_layer(from_fn_with_state(state.clone(), rates::by_address))
        .route_layer(from_fn(metrics::remember_route))
        .fallback(async || {
            Problem::new(StatusCode::NOT_FOUND, "NOT_FOUND", "there is nothing at this address")
        })
        .with_state(state.clone());
    layers::wrap(routes, state)
}

/// HLS and recordings: playlists and lists are long texts, and worth compressing.
fn recorded_routes() -> OpenApiRouter<HttpState> {
    let is_text = |_: StatusCode, _: Version, headers: &HeaderMap, _: &Extensions| {
        let content_type = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
        content_type.is_some_and(|kind| kind == hls::PLAYLIST.as_bytes() || kind == b"application/json")
    };
    OpenApiRouter::new()
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
