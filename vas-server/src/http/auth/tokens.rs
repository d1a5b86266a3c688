//! Tokens for programs: client credentials (RFC 6749, section 4.4), refreshing (section 6), revocation (RFC 7009), and
//! the keys to check them with.
//!
//! JSON is answered in the way of all other calls. A form is OAuth 2's own door, and its errors have OAuth 2's names.

use super::read;
use crate::auth::{AuthError, Grant, Scopes};
use crate::http::HttpState;
use crate::http::client::ClientAddress;
use crate::http::extract::{JsonFields, media_type, read_body};
use crate::http::fields::Fields;
use crate::http::problem::Problem;
use axum::Json;
use axum::extract::{FromRequest, Request, State};
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use vas_core::{ErrorKind, HasKind};

/// Bytes of a request for tokens at most.
const LARGEST: usize = 32 << 10;
/// Longest id, secret or token in characters.
const LONGEST: usize = 16 << 10;
const FORM: &str = "application/x-www-form-urlencoded";
/// Others may keep the public keys for so long.
const KEYS_FRESH: &str = "public, max-age=300";

pub(super) fn routes() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new().routes(routes!(token)).routes(routes!(refresh)).routes(routes!(revoke))
}

pub(super) fn public_keys() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new().routes(routes!(jwks))
}

/// Tokens.
#[derive(Debug, Serialize, ToSchema)]
struct TokenView {
    /// Sent as `Authorization: Bearer`.
    access_token: String,
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// Seconds for which the access token holds.
    expires_in: u32,
    /// Renews it, once.
    refresh_token: String,
    /// What it permits.
    scopes: Vec<&'static str>,
    /// The same as one text.
    scope: String,
}

impl From<Grant> for TokenView {
    fn from(grant: Grant) -> Self {
        Self {
            access_token: grant.access_token,
            token_type: "Bearer",
            expires_in: grant.expires_in,
            refresh_token: grant.refresh_token,
            scopes: grant.scopes.names(),
            scope: grant.scopes.to_string(),
        }
    }
}

/// What to send for tokens.
#[derive(ToSchema)]
#[expect(dead_code, reason = "described here, read by `Fields`")]
struct TokenRequest {
    client_id: String,
    client_secret: String,
    /// Fewer than the client may have; all of them where it is missing.
    scopes: Option<Vec<String>>,
}

/// What to send to renew tokens.
#[derive(ToSchema)]
#[expect(dead_code, reason = "described here, read by `Fields`")]
struct RefreshRequest {
    refresh_token: String,
}

/// What to send to take a token back.
#[derive(ToSchema)]
#[expect(dead_code, reason = "described here, read by `Fields`")]
struct RevokeRequest {
    /// An access token or a refresh token.
    token: String,
}

/// The fields of a body, and in which of the two dialects it was sent.
struct Asked {
    fields: Fields,
    dialect: Dialect,
    /// Id and secret of an `Authorization: Basic` header.
    basic: Option<(String, String)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Dialect {
    Json,
    OAuth,
}

impl FromRequest<HttpState> for Asked {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &HttpState) -> Result<Self, Problem> {
        let basic = basic(request.headers());
        if media_type(request.headers()).as_deref() != Some(FORM) {
            let JsonFields(fields) = JsonFields::from_request(request, state).await?;
            return Ok(Self { fields, dialect: Dialect::Json, basic });
        }
        let body = read_body(request, LARGEST).await?;
        let pairs = url::form_urlencoded::parse(&body);
        let fields = Fields::of_query(pairs.map(|(name, value)| (name.into_owned(), value.into_owned())));
        Ok(Self { fields, dialect: Dialect::OAuth, basic })
    }
}

/// Id and secret of a header (RFC 6749, section 2.3.1): each encoded as in a form, both then as RFC 7617 says.
fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    let encoded = Some(encoded.trim()).filter(|_| scheme.eq_ignore_ascii_case("Basic"))?;
    let text = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    let decoded = |text: &str| {
        let pair = format!("v={text}");
        let value = url::form_urlencoded::parse(pair.as_bytes()).next().map(|(_, value)| value.into_owned());
        value.unwrap_or_default()
    };
    // Most clients send what they have as it is: only what can be an encoding is taken for one.
    let decoded = |text: &str| if text.contains('%') { decoded(text) } else { text.to_owned() };
    Some((decoded(id), decoded(secret)))
}

impl Asked {
    /// A text that must be there.
    fn required(&mut self, name: &str) -> String {
        self.fields.required_text(name, LONGEST).unwrap_or_default()
    }

    /// Nothing else is asked for.
    fn finish(self) -> Result<(), Problem> {
        let dialect = self.dialect;
        self.fields.finish().map_err(|problem| match dialect {
            Dialect::Json => problem,
            Dialect::OAuth => problem.recoded(StatusCode::BAD_REQUEST, "invalid_request"),
        })
    }
}

/// A refusal in the dialect of the request (RFC 6749, section 5.2).
fn refused(error: AuthError, dialect: Dialect, by_header: bool) -> Problem {
    let oauth = match (&error, dialect) {
        (_, Dialect::Json) => None,
        (AuthError::WrongPassword, _) => Some((StatusCode::UNAUTHORIZED, "invalid_client")),
        (AuthError::InvalidGrant, _) => Some((StatusCode::BAD_REQUEST, "invalid_grant")),
        (AuthError::ScopeExceeded, _) => Some((StatusCode::BAD_REQUEST, "invalid_scope")),
        (error, _) if error.kind() == ErrorKind::Unavailable => {
            Some((StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable"))
        }
        _ => None,
    };
    let problem = Problem::from(error);
    match oauth {
        // Challenged in the way that the client came (RFC 6749, section 5.2).
        Some((status @ StatusCode::UNAUTHORIZED, code)) if by_header => {
            problem.recoded(status, code).challenge("Basic realm=\"vas\"".to_owned())
        }
        Some((status, code)) => problem.recoded(status, code),
        None => problem,
    }
}

fn oauth_error(code: &'static str, description: &'static str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, code, description)
}

/// Get tokens for a client
///
/// As JSON, or as the form of OAuth 2 with `grant_type=client_credentials` or `refresh_token`, in which the client may
/// also show itself by `Authorization: Basic`. Errors of the form are those of RFC 6749, section 5.2, in `error`.
#[utoipa::path(
    post, path = "/v2/auth/token", tag = "Accounts", request_body = TokenRequest,
    responses(
        (status = 200, description = "Tokens.", body = TokenView),
        (status = 400, description = "Of the form: `invalid_request`, `unsupported_grant_type`, `invalid_scope`, `invalid_grant`."),
        (status = 401, description = "Id or secret is wrong."),
        (status = 403, description = "More permissions are asked for than the client has."),
        (status = 429, description = "Too many failures; `Retry-After` says when to try again."),
    ),
)]
async fn token(
    State(state): State<HttpState>,
    ClientAddress(address): ClientAddress,
    mut asked: Asked,
) -> Result<Json<TokenView>, Problem> {
    let dialect = asked.dialect;
    let grant_type = asked.fields.text("grant_type", 100);
    match grant_type.as_deref() {
        None if dialect == Dialect::OAuth => {
            return Err(oauth_error("invalid_request", "name a grant_type"));
        }
        None | Some("client_credentials") => {}
        Some("refresh_token") => return renew(&state, asked, address).await,
        Some(_) if dialect == Dialect::OAuth => {
            let description = "grant_type must be client_credentials or refresh_token";
            return Err(oauth_error("unsupported_grant_type", description));
        }
        Some(_) => asked.fields.refuse("grant_type", "must be client_credentials or refresh_token"),
    }
    let basic = asked.basic.take();
    let by_header = basic.is_some();
    let (id, secret) = match basic {
        Some(pair) => pair,
        None => (asked.required("client_id"), asked.required("client_secret")),
    };
    let scopes = wanted_scopes(&mut asked)?;
    asked.finish()?;
    let grant = state.auth.grant(&id, &secret, scopes, address).await;
    Ok(Json(grant.map_err(|error| refused(error, dialect, by_header))?.into()))
}

/// The permissions that are asked for; `None`: all that the client has.
fn wanted_scopes(asked: &mut Asked) -> Result<Option<Scopes>, Problem> {
    if asked.dialect == Dialect::Json {
        let listed = read::scopes(&mut asked.fields, "scopes");
        return Ok(listed.or_else(|| read::scopes(&mut asked.fields, "scope")));
    }
    match asked.fields.text("scope", LONGEST).filter(|text| !text.is_empty()) {
        None => Ok(None),
        Some(text) => Scopes::parse(&text).map(Some).map_err(|error| {
            Problem::new(StatusCode::BAD_REQUEST, "invalid_scope", format!("scope {error}"))
        }),
    }
}

/// Renew tokens
///
/// The refresh token is used up, and another one comes in its place. Using one twice revokes all that came of the same
/// grant.
#[utoipa::path(
    post, path = "/v2/auth/token/refresh", tag = "Accounts", request_body = RefreshRequest,
    responses(
        (status = 200, description = "Tokens.", body = TokenView),
        (status = 400, description = "Of the form: `invalid_request`, `invalid_grant`."),
        (status = 401, description = "The refresh token is unknown, expired, used or revoked."),
    ),
)]
async fn refresh(
    State(state): State<HttpState>,
    ClientAddress(address): ClientAddress,
    asked: Asked,
) -> Result<Json<TokenView>, Problem> {
    renew(&state, asked, address).await
}

async fn renew(
    state: &HttpState,
    mut asked: Asked,
    address: Option<std::net::IpAddr>,
) -> Result<Json<TokenView>, Problem> {
    let (dialect, token) = (asked.dialect, asked.required("refresh_token"));
    asked.finish()?;
    let grant = state.auth.refresh(&token, address).await;
    Ok(Json(grant.map_err(|error| refused(error, dialect, false))?.into()))
}

/// Take a token back
///
/// Whoever has a token may. An access token ends alone, a refresh token with all that came of the same grant, within
/// seconds; what is no token is as good as revoked.
#[utoipa::path(
    post, path = "/v2/auth/token/revoke", tag = "Accounts", request_body = RevokeRequest,
    responses(
        (status = 200, description = "It is not honoured any more."),
        (status = 400, description = "Of the form: `invalid_request`."),
    ),
)]
async fn revoke(
    State(state): State<HttpState>,
    ClientAddress(address): ClientAddress,
    mut asked: Asked,
) -> Result<StatusCode, Problem> {
    let token = asked.required("token");
    asked.finish()?;
    state.auth.revoke_token(&token, address).await?;
    Ok(StatusCode::OK)
}

/// The public keys of access tokens
///
/// A JSON Web Key Set (RFC 7517). Empty where tokens are signed with a shared secret.
#[utoipa::path(
    get, path = "/.well-known/jwks.json", tag = "Accounts",
    responses((status = 200, description = "The keys.", body = serde_json::Value)),
)]
async fn jwks(State(state): State<HttpState>) -> impl IntoResponse {
    ([(CACHE_CONTROL, KEYS_FRESH)], Json(state.auth.jwks()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn basic_credentials_are_read_in_both_ways_that_clients_send_them() {
        let of = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, HeaderValue::try_from(text.to_owned()).unwrap());
            basic(&headers)
        };
        let encoded = |text: &str| format!("basic {}", STANDARD.encode(text));
        let pair = |id: &str, secret: &str| Some((id.to_owned(), secret.to_owned()));
        assert_eq!(of(&encoded("portal:a+b:c")), pair("portal", "a+b:c"));
        assert_eq!(of(&encoded("my%20portal:a%2Bb")), pair("my portal", "a+b"));
        for wrong in ["Bearer eA==", "Basic !", "Basic", &encoded("portal")] {
            assert_eq!(of(wrong), None, "{wrong}");
        }
    }
}
