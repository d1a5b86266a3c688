//! The audit log.

use super::read;
use crate::auth::model::{AuditEntry, AuditFilter};
use crate::http::HttpState;
use crate::http::extract::QueryFields;
use crate::http::guard::Caller;
use crate::http::problem::Problem;
use crate::rfc3339::time;
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use serde_json::{Value, json};
use std::convert::Infallible;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

/// Longest text of a filter, in characters.
const LONGEST: usize = 200;

pub(super) fn routes() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new().routes(routes!(list))
}

/// Something that somebody did, or was not let do.
#[derive(Debug, Serialize, ToSchema)]
struct EntryView {
    id: Uuid,
    at: String,
    /// Who did it, by name.
    actor: String,
    /// What it was: `session.create`, `user.update`, or a method and a route.
    action: String,
    /// What it was done to.
    target: Option<String>,
    /// Whether it was done.
    allowed: bool,
    /// Where it was asked from.
    address: Option<String>,
}

impl From<AuditEntry> for EntryView {
    fn from(entry: AuditEntry) -> Self {
        let AuditEntry { id, at, actor, action, target, allowed, address, .. } = entry;
        Self { id, at: time(at), actor, action, target, allowed, address }
    }
}

/// Read the audit log
#[utoipa::path(
    get, path = "/v2/audit", tag = "Accounts",
    params(
        ("limit" = Option<u32>, Query, description = "At most so many: 1 to 100."),
        ("offset" = Option<u64>, Query, description = "Leave out so many at the beginning."),
        ("actor" = Option<String>, Query, description = "Of this actor."),
        ("action" = Option<String>, Query, description = "Of this action."),
        ("allowed" = Option<bool>, Query, description = "What was done, or what was refused."),
        ("after" = Option<String>, Query, description = "From this time on."),
        ("before" = Option<String>, Query, description = "Before this time."),
    ),
    responses((status = 200, description = "Entries, the newest first: `{entries, pagination}`.", body = Value)),
)]
async fn list(
    State(state): State<HttpState>,
    Caller(caller): Caller,
    Ok(QueryFields(mut query)): Result<QueryFields, Infallible>,
) -> Result<Json<Value>, Problem> {
    let page = read::page(&mut query);
    let filter = AuditFilter {
        actor: query.text("actor", LONGEST).filter(|text| !text.is_empty()),
        action: query.text("action", LONGEST).filter(|text| !text.is_empty()),
        allowed: query.parsed("allowed", "must be true or false"),
        after: query.time("after"),
        before: query.time("before"),
    };
    query.finish()?;
    let (entries, total) = state.auth.audit_entries(&caller.tenant, &filter, page).await?;
    Ok(Json(json!({
        "entries": entries.into_iter().map(EntryView::from).collect::<Vec<_>>(),
        "pagination": { "total": total, "limit": page.limit, "offset": page.offset },
    })))
}
