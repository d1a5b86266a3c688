//! The first page: every stream, live. Its files are part of the program.

use super::HttpState;
use axum::Router;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::IntoResponse;
use axum::routing::get;

/// Path, type and contents of each file.
const FILES: [(&str, &str, &str); 6] = [
    ("/", "text/html; charset=utf-8", include_str!("../web/index.html")),
    ("/assets/style.css", "text/css; charset=utf-8", include_str!("../web/style.css")),
    ("/assets/app.js", "text/javascript; charset=utf-8", include_str!("../web/app.js")),
    ("/assets/tile.js", "text/javascript; charset=utf-8", include_str!("../web/tile.js")),
    ("/assets/session.js", "text/javascript; charset=utf-8", include_str!("../web/session.js")),
    ("/assets/icon.svg", "image/svg+xml", include_str!("../web/icon.svg")),
];

pub(super) fn routes() -> Router<HttpState> {
    FILES.into_iter().fold(Router::new(), |router, (path, kind, contents)| {
        // Asked for anew each time: after an update no page must run with parts of the old one.
        let answer = move || async move {
            ([(CONTENT_TYPE, kind), (CACHE_CONTROL, "no-cache")], contents).into_response()
        };
        router.route(path, get(answer))
    })
}
