//! Users, as admins keep them.

use super::read::{self, UserId};
use crate::auth::model::User;
use crate::auth::{DeviceAccess, NewUser, UserPatch, bad_password};
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
    OpenApiRouter::new().routes(routes!(list, add)).routes(routes!(show, change, delete))
}

/// A user.
#[derive(Debug, Serialize, ToSchema)]
struct UserView {
    id: Uuid,
    username: String,
    /// `viewer`, `operator` or `admin`.
    role: &'static str,
    scopes: Vec<&'static str>,
    /// The only devices that it sees; null: all of them.
    devices: Option<Vec<Uuid>>,
    /// Whether it is kept out.
    disabled: bool,
    tenant: String,
    created_at: String,
    updated_at: Option<String>,
    last_login_at: Option<String>,
}

impl From<User> for UserView {
    fn from(user: User) -> Self {
        Self {
            id: user.id,
            role: user.role.name(),
            scopes: user.role.scopes().names(),
            devices: read::device_list(&user.devices),
            username: user.name,
            disabled: user.disabled,
            tenant: user.tenant.as_str().to_owned(),
            created_at: time(user.created_at),
            updated_at: user.updated_at.map(time),
            last_login_at: user.last_login_at.map(time),
        }
    }
}

/// A user to be made.
#[derive(ToSchema)]
#[expect(dead_code, reason = "described here, read by `Fields`")]
struct NewUserRequest {
    username: String,
    /// Of 8 characters or more.
    password: String,
    /// `viewer`, `operator` or `admin`.
    role: String,
    /// The only devices that it sees; null: all of them.
    devices: Option<Vec<Uuid>>,
    /// Another tenant, which an admin of the first one may name.
    tenant: Option<String>,
}

/// Changes of a user; what is missing stays.
#[derive(ToSchema)]
#[expect(dead_code, reason = "described here, read by `Fields`")]
struct UserChange {
    password: Option<String>,
    role: Option<String>,
    devices: Option<Vec<Uuid>>,
    disabled: Option<bool>,
}

/// List users
#[utoipa::path(
    get, path = "/v2/auth/users", tag = "Accounts",
    params(
        ("limit" = Option<u32>, Query, description = "At most so many: 1 to 100."),
        ("offset" = Option<u64>, Query, description = "Leave out so many at the beginning."),
        ("tenant" = Option<String>, Query, description = "Another tenant's, for an admin of the first one."),
    ),
    responses((status = 200, description = "The users, the oldest first: `{users, pagination}`.", body = Value)),
)]
async fn list(
    State(state): State<HttpState>,
    Caller(caller): Caller,
    Ok(QueryFields(mut query)): Result<QueryFields, Infallible>,
) -> Result<Json<Value>, Problem> {
    let page = read::page(&mut query);
    let tenant = read::tenant(&mut query, &caller)?;
    query.finish()?;
    let (users, total) = state.auth.users(&tenant, page).await?;
    Ok(Json(json!({
        "users": users.into_iter().map(UserView::from).collect::<Vec<_>>(),
        "pagination": { "total": total, "limit": page.limit, "offset": page.offset },
    })))
}

/// Add a user
#[utoipa::path(
    post, path = "/v2/auth/users", tag = "Accounts", request_body = NewUserRequest,
    responses(
        (status = 201, description = "Added.", body = UserView),
        (status = 409, description = "The name is taken."),
    ),
)]
async fn add(
    State(state): State<HttpState>,
    Caller(caller): Caller,
    ClientAddress(address): ClientAddress,
    JsonFields(mut body): JsonFields,
) -> Result<(StatusCode, Json<UserView>), Problem> {
    let name = read::name(&mut body, "username");
    let password = body.any_text("password");
    if let (Some(password), Some(name)) = (&password, &name)
        && let Some(why) = bad_password(password, name)
    {
        body.refuse("password", why);
    }
    let role = read::role(&mut body);
    if role.is_none() {
        body.refuse("role", "must be viewer, operator or admin");
    }
    let devices = read::devices(&mut body).unwrap_or(DeviceAccess::All);
    let tenant = read::tenant(&mut body, &caller)?;
    body.finish()?;
    // All of them are there, or `finish` would have said so.
    let (Some(name), Some(password), Some(role)) = (name, password, role) else {
        return Err(Problem::not_found("user"));
    };
    let user = state.auth.add_user(&tenant, NewUser { name, password, role, devices }).await?;
    state.auth.noted("user.create", &caller, Some(&user.name), address);
    Ok((StatusCode::CREATED, Json(user.into())))
}

/// Show a user
#[utoipa::path(
    get, path = "/v2/auth/users/{id}", tag = "Accounts",
    params(("id" = Uuid, Path, description = "The user's id.")),
    responses((status = 200, description = "The user.", body = UserView)),
)]
async fn show(
    State(state): State<HttpState>,
    Caller(caller): Caller,
    Id(UserId(id)): Id<UserId>,
    Ok(QueryFields(mut query)): Result<QueryFields, Infallible>,
) -> Result<Json<UserView>, Problem> {
    let tenant = read::tenant(&mut query, &caller)?;
    query.finish()?;
    Ok(Json(state.auth.user(&tenant, id).await?.into()))
}

/// Change a user
///
/// What it has open ends: it was opened with other rights.
#[utoipa::path(
    put, path = "/v2/auth/users/{id}", tag = "Accounts", request_body = UserChange,
    params(("id" = Uuid, Path, description = "The user's id.")),
    responses(
        (status = 200, description = "Changed.", body = UserView),
        (status = 409, description = "It is the last admin."),
    ),
)]
async fn change(
    State(state): State<HttpState>,
    Caller(caller): Caller,
    ClientAddress(address): ClientAddress,
    Id(UserId(id)): Id<UserId>,
    JsonFields(mut body): JsonFields,
) -> Result<Json<UserView>, Problem> {
    let tenant = read::tenant(&mut body, &caller)?;
    let user = state.auth.user(&tenant, id).await?;
    let password = body.has("password").then(|| body.any_text("password")).flatten();
    if let Some(why) = password.as_deref().and_then(|password| bad_password(password, &user.name)) {
        body.refuse("password", why);
    }
    let (role, devices) = (read::role(&mut body), read::devices(&mut body));
    let disabled = body.flag("disabled");
    body.finish()?;
    let patch = UserPatch { password, role, devices, disabled };
    let user = state.auth.change_user(&tenant, id, patch).await?;
    state.auth.noted("user.update", &caller, Some(&user.name), address);
    Ok(Json(user.into()))
}

/// Delete a user
#[utoipa::path(
    delete, path = "/v2/auth/users/{id}", tag = "Accounts",
    params(("id" = Uuid, Path, description = "The user's id.")),
    responses(
        (status = 204, description = "Deleted; its sessions, keys and tokens have ended."),
        (status = 409, description = "It is the last admin."),
    ),
)]
async fn delete(
    State(state): State<HttpState>,
    Caller(caller): Caller,
    ClientAddress(address): ClientAddress,
    Id(UserId(id)): Id<UserId>,
    Ok(QueryFields(mut query)): Result<QueryFields, Infallible>,
) -> Result<StatusCode, Problem> {
    let tenant = read::tenant(&mut query, &caller)?;
    query.finish()?;
    let user = state.auth.user(&tenant, id).await?;
    state.auth.delete_user(&tenant, id).await?;
    state.auth.noted("user.delete", &caller, Some(&user.name), address);
    Ok(StatusCode::NO_CONTENT)
}
