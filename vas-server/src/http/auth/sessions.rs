//! Sessions for people: signing in and out, who one is, one's own password, and tokens for the addresses of media.
//!
//! The cookie is HttpOnly and SameSite=Strict (RFC 6265bis, section 4.1.2), and of 256 random bits that are made anew with
//! each sign-in.

use crate::auth::{Principal, SignedIn, Subject, bad_password, csrf_token};
use crate::http::HttpState;
use crate::http::client::{ClientAddress, IsEncrypted};
use crate::http::extract::JsonFields;
use crate::http::guard::{Caller, SESSION_COOKIE, Scoped, session_cookie};
use crate::http::problem::Problem;
use crate::rfc3339::time;
use axum::Json;
use axum::extract::State;
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use serde::Serialize;
use std::net::IpAddr;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use vas_core::StreamId;

/// Life of a media token that says nothing else, in seconds.
const MEDIA_SECONDS: u64 = 300;

pub(super) fn routes() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new()
        .routes(routes!(sign_in, sign_out))
        .routes(routes!(sign_out_everywhere))
        .routes(routes!(me))
        .routes(routes!(change_password))
        .routes(routes!(media_token))
}

/// Who is signed in.
#[derive(Debug, Serialize, ToSchema)]
struct MeView {
    name: String,
    /// `viewer`, `operator` or `admin`; of a client null.
    role: Option<&'static str>,
    scopes: Vec<&'static str>,
    /// `required`, or `open`: then whoever reaches the server may do everything.
    auth_mode: &'static str,
    /// To be sent as `X-CSRF-Token` with changes; null where no cookie says who it is.
    csrf_token: Option<String>,
    /// Whose devices are seen.
    tenant: String,
    /// What says who it is: `user`, `client`, `external` or `none`.
    kind: &'static str,
    /// Whether the account can have API keys and media tokens.
    has_account: bool,
}

impl MeView {
    fn new(state: &HttpState, caller: &Principal, csrf_token: Option<String>) -> Self {
        let role = crate::auth::Role::ALL.into_iter().find(|role| role.scopes() == caller.scopes);
        Self {
            name: caller.name.to_string(),
            role: role.map(crate::auth::Role::name),
            scopes: caller.scopes.names(),
            auth_mode: if state.auth.is_open() { "open" } else { "required" },
            csrf_token,
            tenant: caller.tenant.as_str().to_owned(),
            kind: match caller.subject {
                Subject::Anyone => "none",
                Subject::User(_) => "user",
                Subject::Client(_) => "client",
                Subject::External(_) => "external",
            },
            has_account: caller.subject.account().is_some(),
        }
    }
}

/// What to send to sign in.
#[derive(ToSchema)]
#[expect(dead_code, reason = "described here, read by `Fields`")]
struct SignInRequest {
    username: String,
    password: String,
}

/// What to send to change one's password.
#[derive(ToSchema)]
#[expect(dead_code, reason = "described here, read by `Fields`")]
struct PasswordRequest {
    current_password: String,
    new_password: String,
}

/// What to send for a media token.
#[derive(ToSchema)]
#[expect(dead_code, reason = "described here, read by `Fields`")]
struct MediaTokenRequest {
    /// The only stream that it is for; all that the caller sees where it is missing.
    stream_id: Option<uuid::Uuid>,
    /// Seconds for which it holds: 300 where it is missing.
    ttl_seconds: Option<u32>,
}

/// A token for the addresses of media.
#[derive(Debug, Serialize, ToSchema)]
struct MediaTokenView {
    /// Stands in the query as `?token=`.
    token: String,
    expires_at: String,
}

/// The cookie of a session, or the one that ends it.
fn cookie(value: &str, seconds: u32, encrypted: bool) -> String {
    let secure = if encrypted { "; Secure" } else { "" };
    format!("{SESSION_COOKIE}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}")
}

/// The answer to somebody who has signed in.
async fn signed_in(
    state: &HttpState,
    signed: &SignedIn,
    encrypted: bool,
) -> Result<impl IntoResponse + use<>, Problem> {
    let proof = crate::auth::Proof::Session { cookie: signed.cookie.clone(), csrf: None };
    let caller = state.auth.authenticate(Some(proof)).await?;
    let view = MeView::new(state, &caller, Some(signed.csrf_token()));
    Ok(([(SET_COOKIE, cookie(&signed.cookie, signed.seconds, encrypted))], Json(view)))
}

/// Sign in
#[utoipa::path(
    post, path = "/v2/auth/session", tag = "Accounts", request_body = SignInRequest,
    responses(
        (status = 200, description = "Signed in; the cookie `vas_session` says so from now on.", body = MeView),
        (status = 401, description = "Name or password is wrong."),
        (status = 429, description = "Too many failures; `Retry-After` says when to try again."),
    ),
)]
async fn sign_in(
    State(state): State<HttpState>,
    ClientAddress(address): ClientAddress,
    IsEncrypted(encrypted): IsEncrypted,
    headers: HeaderMap,
    JsonFields(mut body): JsonFields,
) -> Result<impl IntoResponse, Problem> {
    let name = body.required_text("username", 200);
    let password = body.any_text("password");
    body.finish()?;
    let (name, password) = (name.unwrap_or_default(), password.unwrap_or_default());
    let before = session_cookie(&headers);
    let signed = state.auth.sign_in(&name, &password, address, before.as_deref()).await?;
    signed_in(&state, &signed, encrypted).await
}

/// Sign out
#[utoipa::path(
    delete, path = "/v2/auth/session", tag = "Accounts",
    responses((status = 204, description = "Signed out, in this browser.")),
)]
async fn sign_out(
    State(state): State<HttpState>,
    Caller(caller): Caller,
    ClientAddress(address): ClientAddress,
    IsEncrypted(encrypted): IsEncrypted,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Problem> {
    state.auth.sign_out(session_cookie(&headers).as_deref()).await?;
    state.auth.noted("session.delete", &caller, None, address);
    Ok((StatusCode::NO_CONTENT, [(SET_COOKIE, cookie("", 0, encrypted))]))
}

/// Sign out everywhere
///
/// Ends all sessions of the caller and whatever was opened with them, tokens and API keys' sessions included; the keys
/// themselves stay.
#[utoipa::path(
    delete, path = "/v2/auth/sessions", tag = "Accounts",
    responses((status = 204, description = "Signed out, wherever that was.")),
)]
async fn sign_out_everywhere(
    State(state): State<HttpState>,
    Caller(caller): Caller,
    ClientAddress(address): ClientAddress,
    IsEncrypted(encrypted): IsEncrypted,
) -> Result<impl IntoResponse, Problem> {
    state.auth.sign_out_everywhere(&caller).await?;
    state.auth.noted("sessions.delete", &caller, None, address);
    Ok((StatusCode::NO_CONTENT, [(SET_COOKIE, cookie("", 0, encrypted))]))
}

/// Who am I
#[utoipa::path(
    get, path = "/v2/auth/me", tag = "Accounts",
    responses((status = 200, description = "Who is signed in.", body = MeView)),
)]
async fn me(State(state): State<HttpState>, Caller(caller): Caller, headers: HeaderMap) -> Json<MeView> {
    let csrf = session_cookie(&headers).map(|cookie| csrf_token(&cookie));
    Json(MeView::new(&state, &caller, csrf))
}

/// Change one's own password
///
/// All sessions end; the one of this browser goes on with another cookie and another `csrf_token`.
#[utoipa::path(
    put, path = "/v2/auth/me/password", tag = "Accounts", request_body = PasswordRequest,
    responses(
        (status = 200, description = "Changed.", body = MeView),
        (status = 401, description = "The current password is wrong."),
        (status = 429, description = "Too many failures; `Retry-After` says when to try again."),
    ),
)]
async fn change_password(
    State(state): State<HttpState>,
    Caller(caller): Caller,
    ClientAddress(address): ClientAddress,
    IsEncrypted(encrypted): IsEncrypted,
    JsonFields(mut body): JsonFields,
) -> Result<impl IntoResponse, Problem> {
    let current = body.any_text("current_password");
    let new = body.any_text("new_password");
    if let Some(why) = new.as_deref().and_then(|new| bad_password(new, &caller.name)) {
        body.refuse("new_password", why);
    }
    body.finish()?;
    let (current, new) = (current.unwrap_or_default(), new.unwrap_or_default());
    let signed = change(&state, &caller, &current, &new, address).await?;
    signed_in(&state, &signed, encrypted).await
}

async fn change(
    state: &HttpState,
    caller: &Principal,
    current: &str,
    new: &str,
    address: Option<IpAddr>,
) -> Result<SignedIn, Problem> {
    let signed = state.auth.change_own_password(caller, current, new, address).await?;
    state.auth.noted("password.update", caller, None, address);
    Ok(signed)
}

/// Get a token for the addresses of media
///
/// For `<video>`, `<img>` and WebSockets, which can send no header. It lets media be fetched and changes nothing.
#[utoipa::path(
    post, path = "/v2/auth/media-token", tag = "Accounts", request_body = MediaTokenRequest,
    responses(
        (status = 200, description = "The token.", body = MediaTokenView),
        (status = 404, description = "There is no such stream, or the caller does not see it."),
    ),
)]
async fn media_token(
    Scoped(state): Scoped<HttpState>,
    Caller(caller): Caller,
    JsonFields(mut body): JsonFields,
) -> Result<Json<MediaTokenView>, Problem> {
    let stream: Option<StreamId> = body.parsed("stream_id", "must be a uuid");
    let seconds = body.integer("ttl_seconds", 1, 86_400, MEDIA_SECONDS) as u32;
    body.finish()?;
    let device = match stream {
        Some(stream) => Some(state.control.stream(stream).await?.device.id),
        None => None,
    };
    let (token, expires_at) = state.auth.media_token(&caller, device, seconds).await?;
    Ok(Json(MediaTokenView { token, expires_at: time(expires_at) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cookie_is_for_this_site_and_no_script() {
        assert_eq!(
            cookie("v", 60, true),
            "vas_session=v; Path=/; Max-Age=60; HttpOnly; SameSite=Strict; Secure"
        );
        assert!(!cookie("", 0, false).contains("Secure"));
    }
}
