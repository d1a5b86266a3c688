//! `/v2/ui/views` and `/v2/ui/preferences`: what somebody arranges on the dashboard, for each account by itself.
//!
//! Two browsers of one account may change the same document: each says by its entity tag which version it knows
//! (RFC 9110, section 13.1.1), so that neither undoes what the other did without a word.

use crate::control::dashboard::documents::{DocumentError, Shelf};
use crate::http::HttpState;
use crate::http::extract::read_body;
use crate::http::guard::Caller;
use crate::http::problem::Problem;
use crate::http::whep::precondition;
use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new().routes(routes!(views, put_views)).routes(routes!(preferences, put_preferences))
}

/// Show the views that the caller has arranged
#[utoipa::path(
    get, path = "/v2/ui/views", tag = "Dashboard",
    responses((status = 200, description = "`{\"views\": [{id, name, layout, tiles: [{stream_id}]}]}`; other members are those that were put.",
        body = Object, headers(("ETag", description = "Which version it is.")))),
)]
async fn views(State(state): State<HttpState>, caller: Caller) -> Result<Response, Problem> {
    show(&state, &caller, Shelf::Views).await
}

/// Replace the views that the caller has arranged
///
/// Needs `If-Match` with the entity tag of the version that is replaced.
#[utoipa::path(
    put, path = "/v2/ui/views", tag = "Dashboard", request_body = Object,
    responses(
        (status = 200, description = "They are kept.", body = Object, headers(("ETag", description = "The new version."))),
        (status = 412, description = "They were changed meanwhile."),
        (status = 428, description = "`If-Match` is missing."),
    ),
)]
async fn put_views(
    State(state): State<HttpState>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    put(&state, &caller, Shelf::Views, request).await
}

/// Show what the caller prefers
#[utoipa::path(
    get, path = "/v2/ui/preferences", tag = "Dashboard",
    responses((status = 200, description = "The object that was put; `{}` where none was.", body = Object,
        headers(("ETag", description = "Which version it is.")))),
)]
async fn preferences(State(state): State<HttpState>, caller: Caller) -> Result<Response, Problem> {
    show(&state, &caller, Shelf::Preferences).await
}

/// Replace what the caller prefers
///
/// Needs `If-Match` with the entity tag of the version that is replaced.
#[utoipa::path(
    put, path = "/v2/ui/preferences", tag = "Dashboard", request_body = Object,
    responses(
        (status = 200, description = "It is kept.", body = Object, headers(("ETag", description = "The new version."))),
        (status = 412, description = "It was changed meanwhile."),
        (status = 428, description = "`If-Match` is missing."),
    ),
)]
async fn put_preferences(
    State(state): State<HttpState>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    put(&state, &caller, Shelf::Preferences, request).await
}

async fn show(state: &HttpState, Caller(caller): &Caller, shelf: Shelf) -> Result<Response, Problem> {
    let (body, version) = state.control.document(caller, shelf).await?;
    Ok(answer(body, version))
}

async fn put(
    state: &HttpState,
    Caller(caller): &Caller,
    shelf: Shelf,
    request: Request,
) -> Result<Response, Problem> {
    let headers = request.headers().clone();
    let body = read_body(request, shelf.max_bytes()).await?;
    let (_, present) = state.control.document(caller, shelf).await?;
    // The first one may be put on the condition that there is none.
    if !(present == 0 && expects_none(&headers)) {
        precondition(&headers, &tag(present))?;
    }
    let (body, version) = state.control.put_document(caller, shelf, &body, present).await?;
    Ok(answer(body, version))
}

fn expects_none(headers: &HeaderMap) -> bool {
    headers.get(IF_NONE_MATCH).is_some_and(|value| value.as_bytes() == b"*")
}

fn tag(version: i64) -> String {
    format!("\"{version}\"")
}

fn answer(body: String, version: i64) -> Response {
    let headers = [
        (CONTENT_TYPE, "application/json".to_owned()),
        (CACHE_CONTROL, "private, no-cache".to_owned()),
        (ETAG, tag(version)),
    ];
    (headers, body).into_response()
}

impl From<DocumentError> for Problem {
    fn from(error: DocumentError) -> Self {
        match error {
            DocumentError::Malformed { field, why } => Self::fields(&[(field, why)].into()),
            DocumentError::Changed => Self::new(
                StatusCode::PRECONDITION_FAILED,
                "PRECONDITION_FAILED",
                DocumentError::Changed.to_string(),
            ),
            DocumentError::Repo(error) => crate::control::ControlError::from(error).into(),
        }
    }
}
