//! The door of every route: finds out who asks, looks up in the policy whether it may, and leaves the [`Principal`] in
//! the request for whoever handles it.
//!
//! What a request shows is looked for in this order: `Authorization: Bearer` (RFC 6750, section 2.1), `X-API-Key`, for
//! reading `?token=` (section 2.3 there, for browser elements that can send no header), the session's cookie.

use super::HttpState;
use super::client::Client;
use super::metrics;
use super::problem::Problem;
use crate::auth::policy::{self, Access, Verdict};
use crate::auth::{AuthError, Principal, Proof};
use crate::control::Control;
use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::header::{ALLOW, AUTHORIZATION, COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::convert::Infallible;
use vas_core::{ErrorKind, HasKind};

/// The cookie of a browser's session.
pub(super) const SESSION_COOKIE: &str = "vas_session";
/// Names a key in the place of a token.
pub(super) const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");
/// Says that a page of this server asks, and not one of another site that the browser lends its cookie.
pub(super) const X_CSRF_TOKEN: HeaderName = HeaderName::from_static("x-csrf-token");
/// The protection space of challenges (RFC 9110, section 11.5).
const REALM: &str = "realm=\"vas\"";

/// Lets a request through to its route, or refuses it.
pub(super) async fn admit(State(state): State<HttpState>, mut request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("", MatchedPath::as_str);
    let access = match policy::of(request.method().as_str(), route) {
        // The one exception that is a matter of configuration.
        Verdict::Access(_) if route == metrics::PATH && state.settings.current().metrics.public => {
            Access::Public
        }
        Verdict::Access(access) => access,
        Verdict::OtherMethods(methods) => return method_not_allowed(&methods),
        Verdict::Unknown => {
            tracing::error!(route, "a route stands in no line of the policy; it is refused to everybody");
            return Problem::new(StatusCode::FORBIDDEN, "FORBIDDEN", "nobody may call this").into_response();
        }
    };
    if matches!(access, Access::Public | Access::SignedUrl) {
        return next.run(request).await;
    }
    let address = request.extensions().get::<Client>().and_then(|client| client.address);
    let proof = proof_of(request.method(), request.headers(), request.uri().query());
    let principal = match state.auth.authenticate(proof).await {
        Ok(principal) => principal,
        Err(error) => return Problem::from(error).into_response(),
    };
    if let Access::Needs(scope) = access
        && !principal.may(scope)
    {
        let action = format!("{} {route}", request.method());
        state.auth.refused(&action, &principal, Some(request.uri().path()), address);
        let description =
            format!("this needs the permission {}, which the caller does not have", scope.name());
        let challenge = format!("Bearer {REALM}, error=\"insufficient_scope\", scope=\"{}\"", scope.name());
        return Problem::new(StatusCode::FORBIDDEN, "FORBIDDEN", description)
            .challenge(challenge)
            .into_response();
    }
    let change = is_noted(request.method(), route)
        .then(|| (format!("{} {route}", request.method()), request.uri().path().to_owned()));
    request.extensions_mut().insert(principal.clone());
    let response = next.run(request).await;
    if let Some((action, path)) = change.filter(|_| response.status().is_success()) {
        state.auth.noted(&action, &principal, Some(&path), address);
    }
    response
}

/// Whether the audit log is to tell of a request that succeeds: of changes, and of whoever begins to watch. What
/// accounts do is told of where it is done, by its own name; trickled candidates are no news.
fn is_noted(method: &Method, route: &str) -> bool {
    matches!(*method, Method::POST | Method::PUT | Method::DELETE)
        && !route.starts_with("/v2/auth/")
        && !route.ends_with("/ice-candidate")
}

/// 405 with the methods that there are (RFC 9110, section 15.5.6).
fn method_not_allowed(methods: &[&str]) -> Response {
    let mut methods = methods.to_vec();
    if methods.contains(&"GET") {
        methods.push("HEAD");
    }
    methods.sort_unstable();
    let mut response = StatusCode::METHOD_NOT_ALLOWED.into_response();
    if let Ok(allow) = HeaderValue::from_str(&methods.join(",")) {
        response.headers_mut().insert(ALLOW, allow);
    }
    response
}

/// What a request shows.
fn proof_of(method: &Method, headers: &HeaderMap, query: Option<&str>) -> Option<Proof> {
    let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(token) = text(&AUTHORIZATION).and_then(bearer) {
        return Some(Proof::Token(token.to_owned()));
    }
    if let Some(key) = text(&X_API_KEY) {
        return Some(Proof::Key(key.to_owned()));
    }
    let reads = matches!(*method, Method::GET | Method::HEAD);
    let of_query = |query: &str| {
        let mut pairs = url::form_urlencoded::parse(query.as_bytes());
        pairs.find(|(name, _)| name == "token").map(|(_, value)| value.into_owned())
    };
    if let Some(token) = query.filter(|_| reads).and_then(of_query) {
        return Some(Proof::Token(token));
    }
    let cookie = session_cookie(headers)?;
    let changes = !reads && *method != Method::OPTIONS;
    let csrf = changes.then(|| text(&X_CSRF_TOKEN).unwrap_or_default().to_owned());
    Some(Proof::Session { cookie, csrf })
}

/// The token of an `Authorization` header; the scheme's name is in any case (RFC 9110, section 11.1).
fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("Bearer").then(|| token.trim())
}

/// The value of the session's cookie (RFC 6265, section 5.4).
pub(super) fn session_cookie(headers: &HeaderMap) -> Option<String> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == SESSION_COOKIE).map(|(_, value)| value.to_owned())
}

/// Who asks. Only on routes whose policy asks for an account; on others it is a fault of this program.
#[derive(Clone, Debug)]
pub(crate) struct Caller(pub(crate) Principal);

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Principal>().cloned().map(Self).ok_or_else(|| AuthError::Missing.into())
    }
}

/// What the caller sees of something: `Scoped(control)` is the [`Control`] with its tenant and its devices,
/// `Scoped(state): Scoped<HttpState>` everything that handlers work with around that. Where nobody was asked who it is,
/// nothing is seen.
#[derive(Clone, Debug)]
pub(crate) struct Scoped<T = Control>(pub(crate) T);

impl FromRequestParts<HttpState> for Scoped<Control> {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &HttpState) -> Result<Self, Infallible> {
        Ok(Self(match parts.extensions.get::<Principal>() {
            Some(principal) => state.control.seen_by(principal),
            None => state.control.clone(),
        }))
    }
}

impl FromRequestParts<HttpState> for Scoped<HttpState> {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &HttpState) -> Result<Self, Infallible> {
        let Scoped(control) = Scoped::<Control>::from_request_parts(parts, state).await?;
        Ok(Self(HttpState { control, ..state.clone() }))
    }
}

impl From<AuthError> for Problem {
    fn from(error: AuthError) -> Self {
        let code = match &error {
            AuthError::InvalidToken => "INVALID_TOKEN",
            AuthError::Expired => "TOKEN_EXPIRED",
            AuthError::InvalidKey => "INVALID_API_KEY",
            AuthError::NoSession => "SESSION_EXPIRED",
            AuthError::Csrf => "CSRF_TOKEN_REQUIRED",
            AuthError::WrongPassword => "INVALID_CREDENTIALS",
            AuthError::InvalidGrant => "INVALID_GRANT",
            AuthError::LastAdmin => "LAST_ADMIN",
            AuthError::NotAUser => "NO_ACCOUNT",
            AuthError::Throttled { seconds } => {
                return Self::new(StatusCode::TOO_MANY_REQUESTS, "RATE_LIMITED", error.to_string())
                    .retry_after(*seconds);
            }
            AuthError::Repo(_) | AuthError::Internal | AuthError::Provider => {
                if matches!(error.kind(), ErrorKind::Internal | ErrorKind::Unavailable) {
                    let source = std::error::Error::source(&error).map(ToString::to_string);
                    tracing::error!(%error, source, "a caller can't be looked up");
                }
                return Self::of(&error);
            }
            _ => return Self::of(&error).challenged_for(&error),
        };
        Self::of(&error).with_code(code).challenged_for(&error)
    }
}

impl Problem {
    /// The challenge that a 401 must have (RFC 6750, section 3): it names an error only where something was shown.
    fn challenged_for(self, error: &AuthError) -> Self {
        match error {
            AuthError::InvalidToken | AuthError::Expired => self
                .challenge(format!("Bearer {REALM}, error=\"invalid_token\", error_description=\"{error}\"")),
            error if error.kind() == ErrorKind::Unauthorized => self.challenge(format!("Bearer {REALM}")),
            _ => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(HeaderName, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn what_is_shown_is_found_in_its_order() {
        let token = |text: &str| Some(Proof::Token(text.to_owned()));
        let cookie = (COOKIE, "theme=dark; vas_session=abc");
        let all = headers(&[(AUTHORIZATION, "bearer  t1"), (X_API_KEY, "k1"), cookie.clone()]);
        assert_eq!(proof_of(&Method::POST, &all, Some("token=t2")), token("t1"));
        let key = headers(&[(AUTHORIZATION, "Basic eA=="), (X_API_KEY, "k1")]);
        assert_eq!(proof_of(&Method::GET, &key, None), Some(Proof::Key("k1".to_owned())));
        let cookie = headers(&[cookie, (X_CSRF_TOKEN, "c1")]);
        assert_eq!(proof_of(&Method::GET, &cookie, Some("a=b&token=t%2B2")), token("t+2"));
        let session = |csrf: Option<&str>| {
            Some(Proof::Session { cookie: "abc".to_owned(), csrf: csrf.map(ToOwned::to_owned) })
        };
        assert_eq!(proof_of(&Method::GET, &cookie, None), session(None));
        // A token in the address lets nothing be changed.
        assert_eq!(proof_of(&Method::POST, &cookie, Some("token=t2")), session(Some("c1")));
        let bare = headers(&[(COOKIE, "vas_session=abc")]);
        assert_eq!(proof_of(&Method::DELETE, &bare, None), session(Some("")));
        assert_eq!(proof_of(&Method::GET, &HeaderMap::new(), Some("tokens=1")), None);
    }
}
