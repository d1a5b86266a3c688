//! `/docs`: Swagger UI out of this program.

use super::PATH;
use crate::http::HttpState;
use crate::http::extract::path_parameter;
use crate::http::problem::Problem;
use axum::Router;
use axum::extract::Request;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::sync::{Arc, LazyLock};
use utoipa_swagger_ui::Config;

/// As strict as that of every page but for two things that this one can't do without: styles that its script sets, and
/// icons that stand in its style sheet.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

static CONFIG: LazyLock<Arc<Config<'static>>> = LazyLock::new(|| {
    Arc::new(
        Config::from(PATH)
            .try_it_out_enabled(false)
            .filter(true)
            .display_request_duration(true)
            .doc_expansion("none"),
    )
});

pub(super) fn routes() -> Router<HttpState> {
    // Relative names in the page need the slash.
    let to_page = || async { (StatusCode::PERMANENT_REDIRECT, [(LOCATION, "/docs/")]).into_response() };
    Router::new()
        .route("/docs", get(to_page))
        .route("/docs/", get(|| async { file("index.html") }))
        .route("/docs/{name}", get(named))
}

async fn named(request: Request) -> Result<Response, Problem> {
    let (mut parts, _) = request.into_parts();
    let name = path_parameter(&mut parts, "name").await.unwrap_or_default();
    file(&name)
}

fn file(name: &str) -> Result<Response, Problem> {
    let unknown = || Problem::not_found("page");
    let file = utoipa_swagger_ui::serve(name, CONFIG.clone());
    let file = file.ok().flatten().filter(|_| !name.is_empty()).ok_or_else(unknown)?;
    let headers = [
        (CONTENT_TYPE, HeaderValue::try_from(file.content_type).map_err(|_| unknown())?),
        (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (CONTENT_SECURITY_POLICY, POLICY),
    ];
    Ok((headers, file.bytes.into_owned()).into_response())
}
