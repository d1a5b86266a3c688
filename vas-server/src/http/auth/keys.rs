//! API keys: for programs that can't renew tokens. A key stands for the account that made it, with its rights or fewer.

use super::read::{self, KeyId};
use crate::auth::model::ApiKey;
use crate::http::HttpState;
use crate::http::client::ClientAddress;
use crate::http::extract::{Id, JsonFields, QueryFields};
use crate::http::guard::Caller;
use crate::http::problem::Problem;
use crate::rfc3339::time;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};
use std::convert::Infallible;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

pub(super) fn routes() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new().routes(routes!(list, add)).routes(routes!(delete))
}

/// A key.
#[derive(Debug, Serialize, ToSchema)]
struct KeyView {
    id: Uuid,
    name: String,
    /// Sent as `X-API-Key`. Told once, when the key is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    scopes: Vec<&'static str>,
    created_at: String,
    /// When it ends; null: never.
    expires_at: Option<String>,
    /// When it was last used, to about a minute.
    last_used_at: Option<String>,
}

impl KeyView {
    fn new(row: ApiKey, key: Option<String>) -> Self {
        Self {
            id: row.id,
            name: row.name,
            key,
            scopes: row.scopes.names(),
            created_at: time(row.created_at),
            expires_at: row.expires_at.map(time),
            last_used_at: row.last_used_at.map(time),
        }
    }
}

/// A key to be made.
#[derive(ToSchema)]
#[expect(dead_code, reason = "described here, read by `Fields`")]
struct NewKeyRequest {
    name: String,
    /// Fewer than the caller has; all of them where it is missing.
    scopes: Option<Vec<String>>,
    /// When it ends.
    expires_at: Option<String>,
}

/// List one's own keys
#[utoipa::path(
    get, path = "/v2/auth/keys", tag = "Accounts",
    params(
        ("limit" = Option<u32>, Query, description = "At most so many: 1 to 100."),
        ("offset" = Option<u64>, Query, description = "Leave out so many at the beginning."),
    ),
    responses((status = 200, description = "The keys, the oldest first: `{keys, pagination}`.", body = Value)),
)]
async fn list(
    State(state): State<HttpState>,
    Caller(caller): Caller,
    Ok(QueryFields(mut query)): Result<QueryFields, Infallible>,
) -> Result<Json<Value>, Problem> {
    let page = read::page(&mut query);
    query.finish()?;
    let (keys, total) = state.auth.keys(&caller, page).await?;
    Ok(Json(json!({
        "keys": keys.into_iter().map(|key| KeyView::new(key, None)).collect::<Vec<_>>(),
        "pagination": { "total": total, "limit": page.limit, "offset": page.offset },
    })))
}

/// Make a key for oneself
#[utoipa::path(
    post, path = "/v2/auth/keys", tag = "Accounts", request_body = NewKeyRequest,
    responses((status = 201, description = "Made; the key itself is told this once.", body = KeyView)),
)]
async fn add(
    State(state): State<HttpState>,
    Caller(caller): Caller,
    ClientAddress(address): ClientAddress,
    JsonFields(mut body): JsonFields,
) -> Result<(StatusCode, Json<KeyView>), Problem> {
    let name = body.required_text("name", 100);
    let scopes = read::scopes(&mut body, "scopes");
    let expires_at = body.time("expires_at");
    if expires_at.is_some_and(|end| end <= state.clock.wall()) {
        body.refuse("expires_at", "must not lie in the past");
    }
    body.finish()?;
    let (key, text) = state.auth.add_key(&caller, name.unwrap_or_default(), scopes, expires_at).await?;
    state.auth.noted("key.create", &caller, Some(&key.id.to_string()), address);
    Ok((StatusCode::CREATED, Json(KeyView::new(key, Some(text)))))
}

/// Delete a key
///
/// One's own or, as an admin, any of the tenant.
#[utoipa::path(
    delete, path = "/v2/auth/keys/{id}", tag = "Accounts",
    params(("id" = Uuid, Path, description = "The key's id.")),
    responses((status = 204, description = "Deleted; what was opened with it has ended.")),
)]
async fn delete(
    State(state): State<HttpState>,
    Caller(caller): Caller,
    ClientAddress(address): ClientAddress,
    Id(KeyId(id)): Id<KeyId>,
) -> Result<StatusCode, Problem> {
    state.auth.delete_key(&caller, id).await?;
    state.auth.noted("key.delete", &caller, Some(&id.to_string()), address);
    Ok(StatusCode::NO_CONTENT)
}
