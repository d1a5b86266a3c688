//! The dashboard: its page for every address that is one of its views, and the files that the page is made of.
//!
//! They come from the program itself (feature `embed-dashboard`) or from the folder `http.dashboard_dir`. A program with
//! neither says so on a page. Files under `assets/` carry a hash of their contents in their names and never change; of
//! all others a client asks again, and is told by their entity tag that it has them (RFC 9110, section 13). A file may
//! have compressed ones beside it, ending in `.br` and `.gz`, which clients get that take them.

use super::HttpState;
use super::problem::Problem;
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use std::path::PathBuf;

/// Addresses of views: the page is the same, and its script shows what the address says.
pub(crate) const VIEWS: [&str; 14] = [
    "/",
    "/sign-in",
    "/live",
    "/live/{view}",
    "/recordings",
    "/recordings/{ids}",
    "/bookmarks",
    "/snapshots",
    "/devices",
    "/devices/{id}",
    "/analytics",
    "/settings",
    "/settings/{tab}",
    "/icon.svg",
];
/// Folders of files.
pub(crate) const FOLDERS: [&str; 2] = ["/assets/{*path}", "/player/{*path}"];

const PAGE: &str = "index.html";
const ICON: &str = "/icon.svg";
/// Shown where there is no dashboard.
const NOTICE: &str = include_str!("page_missing.html");
const FOREVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("no-cache");
/// Encodings with the endings of their files, the smallest first.
const ENCODINGS: [(&str, &str); 2] = [("br", ".br"), ("gzip", ".gz")];

#[cfg(feature = "embed-dashboard")]
#[derive(rust_embed::RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/dashboard/dist"]
#[allow_missing = true]
struct Embedded;

pub(super) fn routes() -> Router<HttpState> {
    let views = VIEWS.into_iter().filter(|view| *view != ICON);
    let router = views.fold(Router::new(), |router, view| router.route(view, get(page)));
    let router = router.route(ICON, get(icon));
    router.route(FOLDERS[0], get(asset)).route(FOLDERS[1], get(player))
}

async fn page(State(state): State<HttpState>, headers: HeaderMap) -> Response {
    match find(&state, PAGE, &headers).await {
        Some(file) => file.answer(&headers, ASK_AGAIN),
        None => ([(CONTENT_TYPE, "text/html; charset=utf-8")], NOTICE).into_response(),
    }
}

async fn icon(State(state): State<HttpState>, headers: HeaderMap) -> Response {
    serve(&state, "icon.svg", &headers, ASK_AGAIN).await
}

async fn asset(State(state): State<HttpState>, Path(path): Path<String>, headers: HeaderMap) -> Response {
    serve(&state, &format!("assets/{path}"), &headers, FOREVER).await
}

async fn player(State(state): State<HttpState>, Path(path): Path<String>, headers: HeaderMap) -> Response {
    serve(&state, &format!("player/{path}"), &headers, ASK_AGAIN).await
}

async fn serve(state: &HttpState, path: &str, headers: &HeaderMap, cache: HeaderValue) -> Response {
    match find(state, path, headers).await {
        Some(file) => file.answer(headers, cache),
        None => Problem::not_found("file").into_response(),
    }
}

/// A file as it is sent.
#[derive(Debug)]
struct File {
    bytes: Bytes,
    content_type: &'static str,
    encoding: Option<&'static str>,
    /// With its quotes.
    tag: String,
}

impl File {
    fn answer(self, headers: &HeaderMap, cache: HeaderValue) -> Response {
        let known = headers.get(IF_NONE_MATCH).and_then(|tags| tags.to_str().ok());
        let is_known = known.is_some_and(|tags| {
            tags.split(',')
                .any(|tag| matches!(tag.trim(), "*") || tag.trim().trim_start_matches("W/") == self.tag)
        });
        let mut response = if is_known {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            let mut response = Response::new(Body::from(self.bytes));
            let answer = response.headers_mut();
            answer.insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type));
            if let Some(encoding) = self.encoding {
                answer.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
            }
            response
        };
        let answer = response.headers_mut();
        answer.insert(CACHE_CONTROL, cache);
        answer.insert(VARY, HeaderValue::from_static("accept-encoding"));
        if let Ok(tag) = HeaderValue::from_str(&self.tag) {
            answer.insert(ETAG, tag);
        }
        response
    }
}

/// The file in the smallest encoding that the client takes.
async fn find(state: &HttpState, path: &str, headers: &HeaderMap) -> Option<File> {
    if !is_plain(path) {
        return None;
    }
    let folder = state.settings.current().http.dashboard_dir.clone();
    let content_type = content_type(path)?;
    for (encoding, ending) in ENCODINGS.into_iter().filter(|(encoding, _)| takes(headers, encoding)) {
        if let Some(bytes) = read(&folder, &format!("{path}{ending}")).await {
            return Some(File { tag: tag_of(&bytes), bytes, content_type, encoding: Some(encoding) });
        }
    }
    let bytes = read(&folder, path).await?;
    Some(File { tag: tag_of(&bytes), bytes, content_type, encoding: None })
}

/// A file of the configured folder or, without one, of the program.
async fn read(folder: &std::path::Path, path: &str) -> Option<Bytes> {
    if folder.as_os_str().is_empty() {
        return embedded(path);
    }
    let file: PathBuf = folder.join(path);
    tokio::fs::read(file).await.ok().map(Bytes::from)
}

#[cfg(feature = "embed-dashboard")]
fn embedded(path: &str) -> Option<Bytes> {
    Embedded::get(path).map(|file| match file.data {
        std::borrow::Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        std::borrow::Cow::Owned(bytes) => Bytes::from(bytes),
    })
}

#[cfg(not(feature = "embed-dashboard"))]
const fn embedded(_path: &str) -> Option<Bytes> {
    None
}

/// Whether the path leads to nowhere but down from its folder, and to no hidden file.
fn is_plain(path: &str) -> bool {
    path.split('/').all(|part| {
        !part.is_empty()
            && !part.starts_with('.')
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    })
}

/// Whether `Accept-Encoding` names the encoding and does not refuse it (RFC 9110, section 12.5.3).
fn takes(headers: &HeaderMap, encoding: &str) -> bool {
    let accepted = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|part| {
        let mut words = part.split(';').map(str::trim);
        let is_named = words.next().is_some_and(|name| name.eq_ignore_ascii_case(encoding));
        is_named && !words.any(|word| matches!(word.strip_prefix("q="), Some("0" | "0.0" | "0.00" | "0.000")))
    })
}

fn content_type(path: &str) -> Option<&'static str> {
    Some(match path.rsplit_once('.')?.1 {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "woff2" => "font/woff2",
        "json" | "map" => "application/json",
        "ts" => "text/plain; charset=utf-8",
        _ => return None,
    })
}

/// The beginning of the contents' SHA-256, in quotes.
fn tag_of(bytes: &[u8]) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    let hex: String = digest.as_ref().iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hex}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepting(value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(value))])
    }

    #[test]
    fn no_path_leads_out_of_the_folder() {
        for plain in ["index.html", "assets/index-D9d-PVPo.js", "player/vas-player.js"] {
            assert!(is_plain(plain), "{plain}");
        }
        for bad in
            ["", "../secret", "assets/../../x", "assets//x", ".vite/manifest.json", "a/.b", "a\\b", "a%2f"]
        {
            assert!(!is_plain(bad), "{bad}");
        }
    }

    #[test]
    fn a_client_gets_only_encodings_that_it_takes() {
        assert!(takes(&accepting("gzip, deflate, br"), "br"));
        assert!(takes(&accepting("GZIP;q=0.5"), "gzip"));
        assert!(!takes(&accepting("gzip;q=0, br"), "gzip"));
        assert!(!takes(&accepting("identity"), "gzip"));
        assert!(!takes(&HeaderMap::new(), "gzip"));
    }

    #[test]
    fn who_has_the_file_is_not_sent_it_again() {
        let file = |text: &'static str| File {
            tag: tag_of(text.as_bytes()),
            bytes: Bytes::from_static(text.as_bytes()),
            content_type: "text/css; charset=utf-8",
            encoding: None,
        };
        let first = file("a").answer(&HeaderMap::new(), FOREVER);
        assert_eq!(first.status(), StatusCode::OK);
        let tag = first.headers()[ETAG].clone();
        let again = HeaderMap::from_iter([(IF_NONE_MATCH, tag.clone())]);
        assert_eq!(file("a").answer(&again, FOREVER).status(), StatusCode::NOT_MODIFIED);
        assert_eq!(file("b").answer(&again, FOREVER).status(), StatusCode::OK);
        assert_ne!(tag_of(b"a"), tag_of(b"b"));
    }
}
