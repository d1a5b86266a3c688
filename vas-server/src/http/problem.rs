//! Errors as clients see them: `application/problem+json` (RFC 9457) in one shape, made in one place.
//!
//! A handler returns a [`Problem`]; it travels as an extension of the response to [`render`], which knows the
//! request and writes the body. Whatever else answers with an error status (axum's routing, a rejection) passes
//! there as well and gets the same shape.

use axum::body::Body;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Display;
use vas_core::{ErrorKind, HasKind};

const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// An error answer.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    code: &'static str,
    description: Cow<'static, str>,
    details: Option<Value>,
    retry_after: Option<u64>,
    challenge: Option<String>,
}

impl Problem {
    /// An error with its stable code and a sentence for a person.
    pub(crate) fn new(
        status: StatusCode,
        code: &'static str,
        description: impl Into<Cow<'static, str>>,
    ) -> Self {
        let description = description.into();
        Self { status, code, description, details: None, retry_after: None, challenge: None }
    }

    /// 404: there is no such thing, or it is not the caller's.
    pub(crate) fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "NOT_FOUND", format!("there is no such {what}"))
    }

    /// 422: what is wrong with the request's fields, by their names.
    pub(crate) fn fields(fields: &BTreeMap<String, String>) -> Self {
        let names: Vec<_> = fields.keys().map(String::as_str).collect();
        let description = format!("some fields are missing or wrong: {}", names.join(", "));
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "VALIDATION_ERROR", description)
            .with_details(json!({ "fields": fields }))
    }

    /// More for programs.
    pub(crate) fn with_details(self, details: Value) -> Self {
        Self { details: Some(details), ..self }
    }

    /// The client may try again after so many seconds: said in the body and as `Retry-After` (RFC 9110, section
    /// 10.2.3).
    pub(crate) fn retry_after(self, seconds: u64) -> Self {
        let details = json!({ "retry_after_seconds": seconds });
        Self { details: Some(details), retry_after: Some(seconds), ..self }
    }

    /// A more precise code than that of its kind.
    pub(crate) fn with_code(self, code: &'static str) -> Self {
        Self { code, ..self }
    }

    /// The same under another status and code, as another standard has them.
    pub(crate) fn recoded(self, status: StatusCode, code: &'static str) -> Self {
        Self { status, code, ..self }
    }

    /// How to prove who asks: sent as `WWW-Authenticate` (RFC 9110, section 11.6.1).
    pub(crate) fn challenge(self, challenge: String) -> Self {
        Self { challenge: Some(challenge), ..self }
    }

    /// One more detail beside those there are.
    pub(crate) fn and_detail(mut self, name: &str, value: Value) -> Self {
        let details = self.details.get_or_insert_with(|| json!({}));
        details[name] = value;
        self
    }

    /// What a message that is no answer to a request tells of it.
    pub(crate) fn members(&self) -> Value {
        json!({ "error": self.code, "error_description": self.description, "details": self.details })
    }

    /// The problem of an error of this kind, with the error's own sentence. The one place where kinds become statuses.
    pub(crate) fn of<E: HasKind + Display>(error: &E) -> Self {
        let (status, code) = match error.kind() {
            ErrorKind::NotFound => (StatusCode::NOT_FOUND, "NOT_FOUND"),
            ErrorKind::Conflict => (StatusCode::CONFLICT, "CONFLICT"),
            ErrorKind::InvalidInput => (StatusCode::UNPROCESSABLE_ENTITY, "VALIDATION_ERROR"),
            ErrorKind::Unauthorized => (StatusCode::UNAUTHORIZED, "UNAUTHORIZED"),
            ErrorKind::Forbidden => (StatusCode::FORBIDDEN, "FORBIDDEN"),
            ErrorKind::NotReady => (StatusCode::CONFLICT, "NOT_READY"),
            ErrorKind::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE"),
            ErrorKind::Timeout => (StatusCode::GATEWAY_TIMEOUT, "TIMEOUT"),
            ErrorKind::Exhausted => (StatusCode::SERVICE_UNAVAILABLE, "LIMIT_REACHED"),
            ErrorKind::Protocol => (StatusCode::BAD_GATEWAY, "PROTOCOL_ERROR"),
            _ => (StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL_ERROR"),
        };
        let problem = Self::new(status, code, error.to_string());
        if status == StatusCode::SERVICE_UNAVAILABLE { problem.retry_after(5) } else { problem }
    }

    /// The problem of a status that something else answered with.
    fn of_status(status: StatusCode) -> Self {
        let (code, description) = match status {
            StatusCode::NOT_FOUND => ("NOT_FOUND", "there is nothing at this address"),
            StatusCode::METHOD_NOT_ALLOWED => {
                ("METHOD_NOT_ALLOWED", "this method is not offered here; see the Allow header")
            }
            StatusCode::PAYLOAD_TOO_LARGE => ("PAYLOAD_TOO_LARGE", "the body is larger than allowed"),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => {
                ("UNSUPPORTED_MEDIA_TYPE", "the body's content type is not one that is taken here")
            }
            status if status.is_server_error() => {
                ("INTERNAL_ERROR", "the server failed; its log says more under this request id")
            }
            _ => ("BAD_REQUEST", "the request can't be understood"),
        };
        Self::new(status, code, description)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Marks an answer whose body stays what it is, though its status is an error's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Verbatim;

/// Gives every error answer its body. `instance` is the request's path, without its query.
pub(super) fn render(mut response: Response, instance: &str, request_id: &str) -> Response {
    let status = response.status();
    let verbatim = response.extensions().get::<Verbatim>().is_some();
    if verbatim || (!status.is_client_error() && !status.is_server_error()) {
        return response;
    }
    let problem = response.extensions_mut().remove().unwrap_or_else(|| Problem::of_status(status));
    let body = json!({
        "type": "about:blank",
        "title": status.canonical_reason().unwrap_or("Error"),
        "status": status.as_u16(),
        "detail": problem.description,
        "instance": instance,
        "error": problem.code,
        "error_description": problem.description,
        "details": problem.details,
        "request_id": request_id,
    });
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, PROBLEM_JSON);
    headers.remove(CONTENT_LENGTH);
    if let Some(seconds) = problem.retry_after {
        headers.insert(RETRY_AFTER, seconds.into());
    }
    if let Some(challenge) = problem.challenge.and_then(|challenge| HeaderValue::try_from(challenge).ok()) {
        headers.insert(WWW_AUTHENTICATE, challenge);
    }
    *response.body_mut() = Body::from(body.to_string());
    response
}
