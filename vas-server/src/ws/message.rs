//! Messages on a socket: JSON objects of a type, with an id where an answer is wanted, and a payload.

use crate::http::{Fields, Problem};
use axum::http::StatusCode;
use serde_json::{Map, Value, json};

/// Longest type or id of a request, in bytes.
const MAX_WORD: usize = 128;

/// A request of a client.
#[derive(Debug)]
pub(super) struct Request {
    /// What it asks for.
    pub(super) kind: String,
    /// What its answer is to bear.
    pub(super) id: Option<Value>,
    /// Its payload; without one the members beside `type` and `id`, as old clients send them.
    pub(super) fields: Fields,
}

/// A text that is no request, with the answer to it.
#[derive(Debug)]
pub(super) struct NoRequest(pub(super) Value);

impl Request {
    /// Reads a request.
    ///
    /// # Errors
    /// The text is no JSON object of a type, or its id or payload is none.
    pub(super) fn parse(text: &str) -> Result<Self, NoRequest> {
        let object = match serde_json::from_str(text) {
            Ok(Value::Object(object)) => object,
            Ok(_) => return Err(NoRequest::new(None, "message", "must be a JSON object")),
            Err(error) => {
                return Err(NoRequest::new(None, "message", &format!("is no valid JSON: {error}")));
            }
        };
        Self::read(object)
    }

    fn read(mut object: Map<String, Value>) -> Result<Self, NoRequest> {
        let id = match object.remove("id") {
            None | Some(Value::Null) => None,
            Some(Value::String(id)) if id.len() <= MAX_WORD => Some(Value::String(id)),
            Some(id @ Value::Number(_)) => Some(id),
            Some(_) => return Err(NoRequest::new(None, "id", "must be a short text or a number")),
        };
        let kind = match object.remove("type") {
            Some(Value::String(kind)) if kind.len() <= MAX_WORD => kind,
            _ => return Err(NoRequest::new(id, "type", "must be a short text")),
        };
        let fields = match object.remove("payload") {
            Some(Value::Object(payload)) => payload,
            None | Some(Value::Null) => object,
            Some(_) => return Err(NoRequest::new(id, "payload", "must be a JSON object")),
        };
        Ok(Self { kind, id, fields: Fields::of_body(fields) })
    }
}

impl NoRequest {
    fn new(id: Option<Value>, field: &str, why: &str) -> Self {
        let problem = Problem::fields(&[(field.to_owned(), why.to_owned())].into());
        Self(refusal("error", id, &problem))
    }
}

/// The answer to a request that was carried out.
pub(super) fn answer(kind: &str, id: Option<Value>, payload: Value) -> Value {
    with_id(with_payload(json!({ "type": kind, "ok": true }), payload), id)
}

/// The answer to a request that was not.
pub(super) fn refusal(kind: &str, id: Option<Value>, problem: &Problem) -> Value {
    with_id(json!({ "type": kind, "ok": false, "error": problem.members() }), id)
}

/// Something that the client did not ask for.
pub(super) fn event(kind: &str, payload: Value) -> Value {
    with_payload(json!({ "type": kind }), payload)
}

/// Moves it in: the macro would copy it.
fn with_payload(mut message: Value, payload: Value) -> Value {
    message["payload"] = payload;
    message
}

fn with_id(mut message: Value, id: Option<Value>) -> Value {
    if let Some(id) = id {
        message["id"] = id;
    }
    message
}

/// The refusal of a type that is none.
pub(super) fn unknown_type() -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "UNKNOWN_TYPE", "there is no request of this type")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_have_a_payload_or_bare_members() {
        let mut request =
            Request::parse(r#"{"type":"offer","id":7,"payload":{"sdp":"v=0"},"sdp":"x"}"#).unwrap();
        assert_eq!((request.kind.as_str(), &request.id), ("offer", &Some(json!(7))));
        assert_eq!(request.fields.any_text("sdp").as_deref(), Some("v=0"));
        let mut bare = Request::parse(r#"{"type":"offer","sdp":"v=0"}"#).unwrap();
        assert_eq!((bare.fields.any_text("sdp").as_deref(), bare.id), (Some("v=0"), None));
    }

    #[test]
    fn what_is_no_request_says_which_part() {
        let fields = |text: &str| {
            let NoRequest(answer) = Request::parse(text).unwrap_err();
            assert_eq!((&answer["type"], &answer["ok"]), (&json!("error"), &json!(false)), "{answer}");
            assert_eq!(answer["error"]["error"], "VALIDATION_ERROR");
            (answer["error"]["details"]["fields"].as_object().unwrap().keys().next().unwrap().clone(), answer)
        };
        for (text, part) in [
            ("", "message"),
            ("[1]", "message"),
            ("{}", "type"),
            (r#"{"type":4}"#, "type"),
            (r#"{"type":"ping","id":[]}"#, "id"),
            (r#"{"type":"ping","payload":"x"}"#, "payload"),
        ] {
            assert_eq!(fields(text).0, part, "{text}");
        }
        assert_eq!(fields(r#"{"id":"a"}"#).1["id"], "a");
    }
}
