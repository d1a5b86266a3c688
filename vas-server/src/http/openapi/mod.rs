//! The API's own description: `/openapi.json` (OpenAPI 3.1) and `/docs`, a page to read and try it, without anything
//! from elsewhere.
//!
//! Routes and their description come from the same place, `#[utoipa::path]` on each handler. What holds for all of them
//! is added here: who may call (from the policy), and the refusals that anything can meet with.

mod complete;
mod page;

use super::{HttpState, api};
use axum::Router;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value, json};
use std::sync::LazyLock;

/// Where the document is.
const PATH: &str = "/openapi.json";

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let described = api().into_openapi();
    // A description that can't be written is a fault of the program, which its tests find.
    let mut document = serde_json::to_value(described).unwrap_or_else(|_| json!({}));
    complete::complete(&mut document);
    document
});

static TEXT: LazyLock<String> = LazyLock::new(|| DOCUMENT.to_string());

/// The description of the API as an OpenAPI document, to be read by people.
#[must_use]
pub fn openapi() -> String {
    format!("{:#}\n", *DOCUMENT)
}

pub(super) fn routes() -> Router<HttpState> {
    Router::new().route(PATH, get(document)).merge(page::routes())
}

async fn document() -> Response {
    ([(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-cache")], TEXT.as_str()).into_response()
}

#[cfg(test)]
mod tests;
