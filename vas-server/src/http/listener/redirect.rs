//! The listener without TLS beside one with it: sends clients there.

use crate::config::LiveConfig;
use crate::http::layers::{is_known_host, plain};
use crate::http::problem::Problem;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{HOST, LOCATION};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

/// Where clients are sent.
#[derive(Clone, Debug)]
struct Target {
    settings: LiveConfig,
    port: u16,
}

/// Answers everything with the same address on `port`, with TLS.
pub(super) fn router(settings: &LiveConfig, port: u16) -> Router {
    let target = Target { settings: settings.clone(), port };
    plain(Router::new().fallback(send).with_state(target))
}

async fn send(State(target): State<Target>, request: Request) -> Response {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    // To names of the server alone: else whoever writes the request would choose where its sender goes.
    let known = is_known_host(request.headers(), &target.settings.current().http.host_names);
    let location = host.filter(|_| known).and_then(|host| {
        let name = host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
        let name = name.map_or(host, |(name, _)| name);
        let rest = request.uri().path_and_query().map_or("/", |rest| rest.as_str());
        let port = if target.port == 443 { String::new() } else { format!(":{}", target.port) };
        HeaderValue::try_from(format!("https://{name}{port}{rest}")).ok()
    });
    let Some(location) = location else {
        let why = "the server is not known by this name; ask for it by https";
        return Problem::new(StatusCode::MISDIRECTED_REQUEST, "UNKNOWN_HOST", why).into_response();
    };
    // Method and body stay (RFC 9110, section 15.4.9).
    (StatusCode::PERMANENT_REDIRECT, [(LOCATION, location)]).into_response()
}
