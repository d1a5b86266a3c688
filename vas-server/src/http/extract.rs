//! What handlers take from requests. Whatever can't be taken becomes a [`Problem`] here.

use super::HttpState;
use super::fields::Fields;
use super::problem::Problem;
use axum::RequestPartsExt;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use serde_json::Value;
use std::str::FromStr;
use std::time::Duration;
use vas_core::{DeviceId, StreamId};

/// How long a client may take to send a body: what header timeouts are for heads.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// An id that can stand in a path.
pub(crate) trait PathId: FromStr {
    /// What it is the id of, for the message when there is none.
    const WHAT: &'static str;
}

impl PathId for DeviceId {
    const WHAT: &'static str = "device";
}

impl PathId for StreamId {
    const WHAT: &'static str = "stream";
}

/// The `{id}` of the path. A text that is no id is as unknown as an id that nothing has: 404.
#[derive(Debug)]
pub(crate) struct Id<T>(pub(crate) T);

impl<T: PathId + Send, S: Send + Sync> FromRequestParts<S> for Id<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let text = path_parameter(parts, "id").await;
        text.and_then(|text| text.parse().ok()).map(Self).ok_or_else(|| Problem::not_found(T::WHAT))
    }
}

/// A part of the path by its name; `None` also when it is no UTF-8.
pub(super) async fn path_parameter(parts: &mut Parts, name: &str) -> Option<String> {
    let params = parts.extract::<RawPathParams>().await.ok()?;
    params.iter().find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
}

/// The fields of a JSON object in the body.
#[derive(Debug)]
pub(crate) struct JsonFields(pub(crate) Fields);

impl FromRequest<HttpState> for JsonFields {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &HttpState) -> Result<Self, Problem> {
        // Without a content type the body may be what it looks like (RFC 9110, section 8.3).
        let content_type = media_type(request.headers()).unwrap_or_else(|| "application/json".to_owned());
        if content_type != "application/json" && !content_type.ends_with("+json") {
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "UNSUPPORTED_MEDIA_TYPE",
                "send the body as application/json",
            ));
        }
        let body = read_body(request, state.limits.body_bytes).await?;
        match serde_json::from_slice(&body) {
            Ok(Value::Object(object)) => Ok(Self(Fields::of_body(object))),
            Ok(_) => Err(Problem::fields(&[("body".into(), "must be a JSON object".into())].into())),
            Err(error) => {
                Err(Problem::fields(&[("body".into(), format!("is no valid JSON: {error}"))].into()))
            }
        }
    }
}

/// The parameters of the query.
#[derive(Debug)]
pub(crate) struct QueryFields(pub(crate) Fields);

impl<S: Send + Sync> FromRequestParts<S> for QueryFields {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        let query = parts.uri.query().unwrap_or_default();
        let pairs = url::form_urlencoded::parse(query.as_bytes());
        Ok(Self(Fields::of_query(pairs.map(|(name, value)| (name.into_owned(), value.into_owned())))))
    }
}

/// The media type of the body, in lower case and without parameters.
pub(super) fn media_type(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    Some(text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

/// The body, if it comes in time and is not larger than `limit` bytes.
pub(super) async fn read_body(request: Request, limit: usize) -> Result<Bytes, Problem> {
    let too_large = || {
        let description = format!("the body is larger than the {limit} bytes that are allowed here");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "PAYLOAD_TOO_LARGE", description)
    };
    let announced = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: u64| length > limit as u64) {
        return Err(too_large());
    }
    let body: Body = request.into_body();
    match tokio::time::timeout(BODY_TIMEOUT, to_bytes(body, limit)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) if is_too_large(&error) => Err(too_large()),
        Ok(Err(_)) => Err(Problem::new(StatusCode::BAD_REQUEST, "BAD_REQUEST", "the body was cut short")),
        Err(_) => Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "TIMEOUT", "the body did not come in time")),
    }
}

fn is_too_large(error: &axum::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        if inner.to_string().contains("length limit exceeded") {
            return true;
        }
        source = inner.source();
    }
    false
}
