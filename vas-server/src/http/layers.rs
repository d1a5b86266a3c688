//! What every request passes: its id, its line in the log, security headers, error bodies, and the rules for pages
//! of other sites.

use super::HttpState;
use super::client::{self, Encrypted};
use super::guard::{X_API_KEY, X_CSRF_TOKEN};
use super::metrics::Traffic;
use super::problem::{self, Problem};
use super::rates::{RATE_LIMIT, RATE_LIMIT_POLICY};
use crate::config::LiveConfig;
use axum::Router;
use axum::body::HttpBody as _;
use axum::extract::{Request, State};
use axum::http::header::{
    ACCESS_CONTROL_REQUEST_METHOD, AUTHORIZATION, CONNECTION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    HOST, IF_MATCH, LINK, LOCATION, ORIGIN, RANGE, REFERRER_POLICY, RETRY_AFTER, STRICT_TRANSPORT_SECURITY,
    UPGRADE, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;
use std::time::Duration;
use tower::ServiceExt;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{AllowCredentials, AllowOrigin, CorsLayer};
use tracing::Level;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const ACCEPT_PATCH: HeaderName = HeaderName::from_static("accept-patch");
/// Nothing is loaded from elsewhere, nothing inline runs, and no other site may frame the page.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; font-src 'self'; connect-src 'self'; \
     media-src 'self' blob:; worker-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// A browser that was here once with TLS comes back with it alone, for a year (RFC 6797). Browsers heed it where they
/// trust the certificate.
const HSTS: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// Puts everything around the routes.
pub(super) fn wrap(routes: Router, state: &HttpState) -> Router {
    let plain = routes.layer(CatchPanicLayer::custom(|_| {
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL_ERROR", "the server failed on this request")
            .into_response()
    }));
    let shared = plain.clone().layer(cors(&state.settings));
    // The layer takes every OPTIONS request for a preflight; those that are none must reach their handlers.
    let chosen = tower::service_fn(move |request: Request| {
        let preflight = request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        let routes = if request.method() == Method::OPTIONS && !preflight { &plain } else { &shared };
        routes.clone().oneshot(request)
    });
    Router::new()
        .fallback_service(chosen)
        .layer(from_fn_with_state(state.clone(), same_origin))
        .layer(from_fn_with_state(state.proxies.clone(), client::note))
        .layer(from_fn_with_state(state.traffic.clone(), around))
}

/// What every answer has, around routes that are none of the API's.
pub(super) fn plain(routes: Router) -> Router {
    routes.layer(from_fn_with_state(Traffic::shared(), around))
}

/// The routes of `router` below a path alone.
pub(super) fn only_below(path: &'static str, router: Router) -> Router {
    let elsewhere = plain(Router::new().fallback(async || Problem::not_found("WebSocket")));
    let chosen = tower::service_fn(move |request: Request| {
        let routes = if request.uri().path().starts_with(path) { &router } else { &elsewhere };
        routes.clone().oneshot(request)
    });
    Router::new().fallback_service(chosen)
}

fn cors(settings: &LiveConfig) -> CorsLayer {
    // Every allowed origin is named, so that credentials never go together with "whoever asks".
    let credentials = settings.clone();
    let may_have_credentials = move |_: &HeaderValue, _: &Parts| credentials.current().http.cors_credentials;
    let settings = settings.clone();
    let is_allowed = move |origin: &HeaderValue, _: &Parts| {
        settings.current().http.cors_origins.iter().any(|allowed| allowed.as_bytes() == origin.as_bytes())
    };
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(is_allowed))
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_credentials(AllowCredentials::predicate(may_have_credentials))
        .allow_headers([AUTHORIZATION, CONTENT_TYPE, IF_MATCH, RANGE, X_API_KEY, X_CSRF_TOKEN, X_REQUEST_ID])
        .expose_headers(
            [LOCATION, ETAG, LINK, RETRY_AFTER, RATE_LIMIT, RATE_LIMIT_POLICY, X_REQUEST_ID, ACCEPT_PATCH]
                .into_iter()
                .chain(super::playback_clips::HEADERS)
                .collect::<Vec<_>>(),
        )
        .max_age(Duration::from_secs(600))
}

/// Refuses requests under a name that is none of the server's, and changes that a page of another site asks a browser
/// for. Browsers send some such requests without asking first, and a server that trusts whoever reaches it must not take
/// them.
async fn same_origin(State(state): State<HttpState>, request: Request, next: Next) -> Response {
    let settings = state.settings.current();
    // RFC 9112, section 3.2: with none or several, what is meant is anybody's guess.
    if request.version() == Version::HTTP_11 && request.headers().get_all(HOST).iter().count() != 1 {
        let description = "a request names the host that it is for, in one Host header";
        let mut refused = Problem::new(StatusCode::BAD_REQUEST, "BAD_REQUEST", description).into_response();
        // Nor is it clear where the next request begins.
        refused.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        return refused;
    }
    if !is_known_host(request.headers(), &settings.http.host_names) {
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
    if safe || is_own_or_allowed(request.headers(), &settings.http.cors_origins) {
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
pub(super) fn is_known_host(headers: &HeaderMap, names: &[String]) -> bool {
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
async fn around(State(traffic): State<Arc<Traffic>>, request: Request, next: Next) -> Response {
    let id = request_id(request.headers());
    // The path alone: queries may carry tokens.
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let encrypted = request.extensions().get::<Encrypted>().is_some();
    let has_body = !request.body().is_end_stream();
    let started = tokio::time::Instant::now();
    let mut response = problem::render(next.run(request).await, &path, &id);
    traffic.count(&method, &response, started.elapsed());
    let is_refused = response.status().is_client_error() || response.status().is_server_error();
    let headers = response.headers_mut();
    // One page has a policy of its own.
    headers.entry(CONTENT_SECURITY_POLICY).or_insert(POLICY);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    if has_body && is_refused {
        // What was refused early may have left its body unread, and the connection can't go on behind that: said here,
        // or the client's next request would meet with a closed connection.
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    if encrypted {
        headers.insert(STRICT_TRANSPORT_SECURITY, HSTS);
    }
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
