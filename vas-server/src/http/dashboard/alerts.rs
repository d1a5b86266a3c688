//! `/v2/alerts` and `/v2/activity`.

use crate::control::dashboard::activity::{Activity, ActivityError};
use crate::control::dashboard::alerts::AlertView;
use crate::db::AlertId;
use crate::http::HttpState;
use crate::http::extract::{Id, PathId, QueryFields};
use crate::http::guard::{Caller, Scoped};
use crate::http::problem::Problem;
use axum::Json;
use serde::Serialize;
use std::convert::Infallible;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Longest cursor taken, in characters.
const LONGEST_CURSOR: usize = 120;

pub(super) fn routes() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(acknowledge)).routes(routes!(activity))
}

impl PathId for AlertId {
    const WHAT: &'static str = "alert";
}

/// Which alerts.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes what is read in another way")]
struct AlertQuery {
    /// Also those that ended within the last seven days.
    all: Option<bool>,
}

/// What needs attention.
#[derive(Debug, Serialize, ToSchema)]
struct AlertList {
    /// The newest first.
    alerts: Vec<AlertView>,
    /// Those that last.
    open: usize,
    /// Those of them that the caller has not acknowledged.
    unacknowledged: usize,
}

/// Where a list goes on.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes what is read in another way")]
struct ActivityQuery {
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Entries.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
}

/// What happened.
#[derive(Debug, Serialize, ToSchema)]
struct ActivityPage {
    /// The newest first.
    items: Vec<Activity>,
    /// Where the list goes on; null at its end.
    next_cursor: Option<String>,
}

/// List what needs attention
///
/// Alerts open and close by themselves; who has acknowledged one is told apart by account.
#[utoipa::path(
    get, path = "/v2/alerts", tag = "Dashboard", params(AlertQuery),
    responses((status = 200, description = "The alerts.", body = AlertList)),
)]
async fn list(
    Scoped(state): Scoped<HttpState>,
    Caller(caller): Caller,
    Ok(QueryFields(mut query)): Result<QueryFields, Infallible>,
) -> Result<Json<AlertList>, Problem> {
    let all = query.parsed("all", "must be true or false").unwrap_or(false);
    query.finish()?;
    let alerts = state.control.alerts(&caller.subject, all).await?;
    let open = || alerts.iter().filter(|alert| alert.until.is_none());
    let unacknowledged = open().filter(|alert| alert.acknowledged.is_none()).count();
    Ok(Json(AlertList { open: open().count(), unacknowledged, alerts }))
}

/// Acknowledge an alert
///
/// For the caller's account; the first time counts.
#[utoipa::path(
    post, path = "/v2/alerts/{id}/ack", tag = "Dashboard",
    params(("id" = uuid::Uuid, Path, description = "The alert's id.")),
    responses((status = 200, description = "The alert.", body = AlertView)),
)]
async fn acknowledge(
    Scoped(state): Scoped<HttpState>,
    Caller(caller): Caller,
    Id(id): Id<AlertId>,
) -> Result<Json<AlertView>, Problem> {
    Ok(Json(state.control.acknowledge(id, &caller.subject).await?))
}

/// List what happened lately
///
/// Changes of state, bookmarks, snapshots and alerts; sign-ins for administrators.
#[utoipa::path(
    get, path = "/v2/activity", tag = "Dashboard", params(ActivityQuery),
    responses((status = 200, description = "A page.", body = ActivityPage)),
)]
async fn activity(
    Scoped(state): Scoped<HttpState>,
    Caller(caller): Caller,
    Ok(QueryFields(mut query)): Result<QueryFields, Infallible>,
) -> Result<Json<ActivityPage>, Problem> {
    let text = query.text("cursor", LONGEST_CURSOR).filter(|text| !text.is_empty());
    let cursor = text.as_deref().and_then(|text| text.parse().ok());
    if text.is_some() && cursor.is_none() {
        query.refuse("cursor", "must be next_cursor of the page before");
    }
    let limit = query.integer("limit", 1, 200, 50) as usize;
    query.finish()?;
    let (items, next) = state.control.activity(&caller, cursor, limit).await?;
    Ok(Json(ActivityPage { items, next_cursor: next.map(|cursor| cursor.to_string()) }))
}

impl From<ActivityError> for Problem {
    fn from(error: ActivityError) -> Self {
        match error {
            ActivityError::Control(error) => error.into(),
            ActivityError::Captures(error) => error.into(),
        }
    }
}
