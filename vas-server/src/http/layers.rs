//! What every request passes: its id, its line in the log, security headers, error bodies, and the rules for pages
//! of other sites.

use super::HttpState;
use super::problem::{self, Problem};
use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{
    ACCESS_CONTROL_REQUEST_METHOD, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HOST, IF_MATCH, LINK,
    LOCATION, ORIGIN, RANGE, REFERRER_POLICY, RETRY_AFTER, UPGRADE, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use std::time::Duration;
use tower::ServiceExt;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{AllowOrigin, CorsLayer};
use tracing::Level;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const ACCEPT_PATCH: HeaderName = HeaderName::from_static("accept-patch");
/// Nothing is loaded from elsewhere, nothing inline runs, and no other site may frame the page.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
     media-src 'self' blob:; worker-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// Puts everything around the routes.
pub(super) fn wrap(routes: Router, state: &HttpState) -> Router {
    let plain = routes.layer(CatchPanicLayer::custom(|_| {
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL_ERROR", "the server failed on this request")
            .into_response()
    }));
    let shared = plain.clone().layer(cors(&state.cors_origins));
    // The layer takes every OPTIONS request for a preflight; those that are none must reach their handlers.
    let chosen = tower::service_fn(move |request: Request| {
        let preflight = request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        let routes = if request.method() == Method::OPTIONS && !preflight { &plain } else { &shared };
        routes.clone().oneshot(request)
    });
    Router::new()
        .fallback_service(chosen)
        .layer(from_fn_with_state(state.clone(), same_origin))
        .layer(axum::middleware::from_fn(around))
}

fn cors(origins: &[String]) -> CorsLayer {
    let origins = origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok());
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers([CONTENT_TYPE, IF_MATCH, RANGE, axum::http::header::AUTHORIZATION, X_REQUEST_ID])
        .expose_headers(
            [LOCATION, ETAG, LINK, RETRY_AFTER, X_REQUEST_ID, ACCEPT_PATCH]
                .into_iter()
                .chain(super::playback_clips::HEADERS)
                .collect::<Vec<_>>(),
        )
        .max_age(Duration::from_secs(600))
}

/// Refuses requests under a name that is none of the server's, and changes that a page of another site asks a browser for. Browsers send some such requests without asking
/// first, and a server that trusts whoever reaches it must not take them.
async fn same_origin(State(state): State<HttpState>, request: Request, next: Next) -> Response {
    if !is_known_host(request.headers(), &state.host_names) {
        return Problem::new(
            StatusCode::MISDIRECTED_REQUEST,
            "UNKNOWN_HOST",
            "the server is not known by this name; add the name to http.host_names if it should be",
        )
        .into_response();
    }
    // A page may open a WebSocket to any site, and read what comes: browsers leave the refusal to the server.
    let safe = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS)
        && !request.headers().contains_key(UPGRADE);
    if safe || is_own_or_allowed(request.headers(), &state.cors_origins) {
        return next.run(request).await;
    }
    Problem::new(
        StatusCode::FORBIDDEN,
        "CROSS_ORIGIN",
        "pages of this site may not call the server; add the site to http.cors_origins if they should",
    )
    .into_response()
}

/// Whether a request names the server by an address, as `localhost` or by a configured name. A page of another site can
/// have its own name lead here, and would then pass for a page of this server.
fn is_known_host(headers: &HeaderMap, names: &[String]) -> bool {
    let Some(host) = headers.get(HOST) else { return true };
    let Ok(host) = host.to_str() else { return false };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.trim_start_matches('[').trim_end_matches(']');
    address.parse::<std::net::IpAddr>().is_ok()
        || name.eq_ignore_ascii_case("localhost")
        || names.iter().any(|known| known.eq_ignore_ascii_case(name))
}

fn is_own_or_allowed(headers: &HeaderMap, allowed: &[String]) -> bool {
    let Some(origin) = headers.get(ORIGIN) else { return true };
    let Ok(origin) = origin.to_str() else { return false };
    let own = headers.get(HOST).and_then(|host| host.to_str().ok()).is_some_and(|host| {
        origin.split_once("://").is_some_and(|(_, of_origin)| of_origin.eq_ignore_ascii_case(host))
    });
    own || allowed.iter().any(|allowed| allowed == origin)
}

/// The outermost layer.
async fn around(request: Request, next: Next) -> Response {
    let id = request_id(request.headers());
    // The path alone: queries may carry tokens.
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let started = tokio::time::Instant::now();
    let mut response = problem::render(next.run(request).await, &path, &id);
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    if let Ok(value) = HeaderValue::from_str(&id) {
        headers.insert(X_REQUEST_ID, value);
    }
    log(&method, &path, &response, started.elapsed(), &id);
    response
}

fn log(method: &Method, path: &str, response: &Response, took: Duration, id: &str) {
    macro_rules! line {
        ($level:expr) => {
            tracing::event!(
                $level, %method, path, status = response.status().as_u16(),
                micros = took.as_micros() as u64, request_id = id, "request"
            )
        };
    }
    // A page that is open asks every second: successes are for whoever looks closely.
    if response.status().is_server_error() {
        line!(Level::WARN);
    } else {
        line!(Level::DEBUG);
    }
}

/// The caller's id of the request where it is a plain word, so that two systems' logs can be joined; a new one
/// otherwise.
fn request_id(headers: &HeaderMap) -> String {
    let plain = |text: &&str| {
        (1..=64).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    let given = headers.get(X_REQUEST_ID).and_then(|value| value.to_str().ok()).filter(plain);
    given.map_or_else(|| uuid::Uuid::new_v4().to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(HeaderName, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn only_addresses_and_listed_names_are_known() {
        let names = ["vas.example.com".to_owned()];
        for (host, known) in [
            ("127.0.0.1:8080", true),
            ("[::1]:8080", true),
            ("localhost", true),
            ("VAS.example.com:443", true),
            ("evil.example:8080", false),
            ("127.0.0.1.evil.example", false),
            ("", false),
        ] {
            assert_eq!(is_known_host(&headers(&[(HOST, host)]), &names), known, "{host}");
        }
        assert!(is_known_host(&HeaderMap::new(), &names));
    }

    #[test]
    fn only_own_and_listed_origins_may_change_something() {
        let allowed = ["https://portal.example.com".to_owned()];
        for (origin, ok) in [
            ("http://127.0.0.1:8080", true),
            ("https://portal.example.com", true),
            ("https://portal.example.com.evil.example", false),
            ("http://127.0.0.1:8081", false),
            ("null", false),
        ] {
            let headers = headers(&[(HOST, "127.0.0.1:8080"), (ORIGIN, origin)]);
            assert_eq!(is_own_or_allowed(&headers, &allowed), ok, "{origin}");
        }
        assert!(is_own_or_allowed(&headers(&[(HOST, "127.0.0.1:8080")]), &allowed));
    }

    #[test]
    fn a_request_id_is_taken_over_when_it_is_harmless() {
        assert_eq!(request_id(&headers(&[(X_REQUEST_ID, "abc-1.2_3")])), "abc-1.2_3");
        for bad in ["", "two words", "x\"y", "a;b"] {
            assert_ne!(request_id(&headers(&[(X_REQUEST_ID, bad)])), bad);
        }
    }
}
