//! Clients, as admins keep them.

use super::read;
use crate::auth::model::Client;
use crate::auth::{DeviceAccess, NewClient};
use crate::http::HttpState;
use crate::http::client::ClientAddress;
use crate::http::extract::{JsonFields, QueryFields, path_parameter};
use crate::http::guard::Caller;
use crate::http::problem::Problem;
use crate::rfc3339::time;
use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
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

/// A client.
#[derive(Debug, Serialize, ToSchema)]
struct ClientView {
    client_id: String,
    /// Told once, when the client is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<String>,
    scopes: Vec<&'static str>,
    /// The only devices that it sees; null: all of them.
    devices: Option<Vec<Uuid>>,
    tenant: String,
    created_at: String,
    /// When it ends; null: never.
    expires_at: Option<String>,
}

impl ClientView {
    fn new(client: Client, client_secret: Option<String>) -> Self {
        Self {
            client_secret,
            scopes: client.scopes.names(),
            devices: read::device_list(&client.devices),
            client_id: client.name,
            tenant: client.tenant.as_str().to_owned(),
            created_at: time(client.created_at),
            expires_at: client.expires_at.map(time),
        }
    }
}

/// A client to be made.
#[derive(ToSchema)]
#[expect(dead_code, reason = "described here, read by `Fields`")]
struct NewClientRequest {
    client_id: String,
    scopes: Vec<String>,
    /// When it ends.
    expires_at: Option<String>,
    /// The only devices that it sees; null: all of them.
    devices: Option<Vec<Uuid>>,
    /// Another tenant, which an admin of the first one may name.
    tenant: Option<String>,
}

/// The `client_id` of a path.
struct ClientId(String);

impl<S: Send + Sync> FromRequestParts<S> for ClientId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        path_parameter(parts, "id").await.map(Self).ok_or_else(|| Problem::not_found("client"))
    }
}

/// List clients
#[utoipa::path(
    get, path = "/v2/auth/clients", tag = "Accounts",
    params(
        ("limit" = Option<u32>, Query, description = "At most so many: 1 to 100."),
        ("offset" = Option<u64>, Query, description = "Leave out so many at the beginning."),
        ("tenant" = Option<String>, Query, description = "Another tenant's, for an admin of the first one."),
    ),
    responses((status = 200, description = "The clients, the oldest first: `{clients, pagination}`.", body = Value)),
)]
async fn list(
    State(state): State<HttpState>,
    Caller(caller): Caller,
    Ok(QueryFields(mut query)): Result<QueryFields, Infallible>,
) -> Result<Json<Value>, Problem> {
    let page = read::page(&mut query);
    let tenant = read::tenant(&mut query, &caller)?;
    query.finish()?;
    let (clients, total) = state.auth.clients(&tenant, page).await?;
    Ok(Json(json!({
        "clients": clients.into_iter().map(|client| ClientView::new(client, None)).collect::<Vec<_>>(),
        "pagination": { "total": total, "limit": page.limit, "offset": page.offset },
    })))
}

/// Add a client
#[utoipa::path(
    post, path = "/v2/auth/clients", tag = "Accounts", request_body = NewClientRequest,
    responses(
        (status = 201, description = "Added; its secret is told this once.", body = ClientView),
        (status = 409, description = "The id is taken."),
    ),
)]
async fn add(
    State(state): State<HttpState>,
    Caller(caller): Caller,
    ClientAddress(address): ClientAddress,
    JsonFields(mut body): JsonFields,
) -> Result<(StatusCode, Json<ClientView>), Problem> {
    let name = read::name(&mut body, "client_id");
    let scopes = read::scopes(&mut body, "scopes");
    if !body.has("scopes") {
        body.refuse("scopes", "is required");
    }
    let expires_at = body.time("expires_at");
    if expires_at.is_some_and(|end| end <= state.clock.wall()) {
        body.refuse("expires_at", "must not lie in the past");
    }
    let devices = read::devices(&mut body).unwrap_or(DeviceAccess::All);
    let tenant = read::tenant(&mut body, &caller)?;
    body.finish()?;
    let (name, scopes) = (name.unwrap_or_default(), scopes.unwrap_or_default());
    let new = NewClient { name, secret: None, scopes, devices, expires_at };
    let (client, secret) = state.auth.add_client(&tenant, new).await?;
    state.auth.noted("client.create", &caller, Some(&client.name), address);
    Ok((StatusCode::CREATED, Json(ClientView::new(client, Some(secret)))))
}

/// Delete a client
#[utoipa::path(
    delete, path = "/v2/auth/clients/{id}", tag = "Accounts",
    params(("id" = String, Path, description = "Its `client_id`.")),
    responses((status = 204, description = "Deleted; its tokens and keys have ended.")),
)]
async fn delete(
    State(state): State<HttpState>,
    Caller(caller): Caller,
    ClientAddress(address): ClientAddress,
    ClientId(name): ClientId,
    Ok(QueryFields(mut query)): Result<QueryFields, Infallible>,
) -> Result<StatusCode, Problem> {
    let tenant = read::tenant(&mut query, &caller)?;
    query.finish()?;
    state.auth.delete_client(&tenant, &name).await?;
    state.auth.noted("client.delete", &caller, Some(&name), address);
    Ok(StatusCode::NO_CONTENT)
}
