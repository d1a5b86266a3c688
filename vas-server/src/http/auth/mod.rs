//! `/v2/auth`: tokens for programs, sessions for people, and the accounts of both; `/v2/audit`.

mod clients;
mod keys;
mod read;
mod sessions;
mod tokens;
mod trail;
mod users;

use super::HttpState;
use axum::http::HeaderValue;
use axum::http::header::CACHE_CONTROL;
use axum::middleware::map_response;
use axum::response::Response;
use utoipa_axum::router::OpenApiRouter;

/// All of them. What they answer is nobody's to keep (RFC 6749, section 5.1).
pub(super) fn routes() -> OpenApiRouter<HttpState> {
    let accounts = OpenApiRouter::new()
        .merge(tokens::routes())
        .merge(sessions::routes())
        .merge(users::routes())
        .merge(clients::routes())
        .merge(keys::routes())
        .merge(trail::routes())
        .layer(map_response(async |mut response: Response| {
            response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
            response
        }));
    accounts.merge(tokens::public_keys())
}
