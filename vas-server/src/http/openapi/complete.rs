//! Adds to the description what no handler says of itself.

use crate::auth::policy::{self, Access, Verdict};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// Where schemas are.
const SCHEMAS: &str = "#/components/schemas/";
/// Methods of an operation, as they stand in the document.
const METHODS: [&str; 7] = ["get", "put", "post", "delete", "options", "head", "patch"];

/// The refusals that handlers do not make themselves: name, status, what they mean.
const REFUSALS: [(&str, &str, &str); 13] = [
    ("BadRequest", "400", "The request can't be understood, or its body was cut short."),
    ("Unauthorized", "401", "Nothing proves who asks, or what does is wrong, expired or taken back."),
    ("Forbidden", "403", "The caller may not do this, or a page of another site asks."),
    ("NotFound", "404", "There is no such thing, or the caller does not see it."),
    ("Timeout", "408", "The body did not come in time."),
    ("TooLarge", "413", "The body is larger than allowed."),
    ("UnsupportedMediaType", "415", "The body's content type is not taken here."),
    ("UnknownHost", "421", "The server is not known by the name in the `Host` header."),
    ("Invalid", "422", "Fields are missing or wrong; `details.fields` names each with what was expected."),
    (
        "TooManyRequests",
        "429",
        "A limit on the number of requests was reached; `Retry-After` says when to go on.",
    ),
    ("HeadersTooLarge", "431", "The request's head is larger than allowed."),
    ("Failed", "500", "The server failed; its log says more under the request id."),
    (
        "Unavailable",
        "503",
        "Something that this needs is not there at present; `Retry-After` says when to try again.",
    ),
];

/// Completes the document that the handlers' own descriptions make.
pub(super) fn complete(document: &mut Value) {
    document["openapi"] = json!("3.1.0");
    document["info"] = info();
    document["servers"] = json!([{ "url": "/", "description": "This server" }]);
    let security = json!({
        "bearer": {
            "type": "http", "scheme": "bearer",
            "description": "An access token of `POST /v2/auth/token`, or of the configured OpenID provider. For what a browser element fetches itself, a media token may stand in the query as `?token=`.",
        },
        "apiKey": { "type": "apiKey", "in": "header", "name": "X-API-Key" },
        "session": {
            "type": "apiKey", "in": "cookie", "name": "vas_session",
            "description": "Set by `POST /v2/auth/session`. Calls that change something need its `X-CSRF-Token` as well.",
        },
    });
    document["components"]["securitySchemes"] = security;
    let refusals: Map<_, _> =
        REFUSALS.iter().map(|(name, _, description)| ((*name).to_owned(), problem(description))).collect();
    document["components"]["responses"] = Value::Object(refusals);
    if let Some(paths) = document["paths"].as_object_mut() {
        for (path, item) in paths {
            let operations = item.as_object_mut().into_iter().flatten();
            for (method, operation) in operations.filter(|(method, _)| METHODS.contains(&method.as_str())) {
                complete_operation(method, path, operation);
            }
        }
    }
    require_what_is_answered(document);
}

fn info() -> Value {
    json!({
        "title": "VAS",
        "version": env!("CARGO_PKG_VERSION"),
        "summary": "Video Aggregation Service: RTSP cameras live, recorded and looked after.",
        "description": "Times are RFC 3339 in UTC; in requests they may carry an offset, and without one they are UTC. \
            Ids are UUIDs. Errors are `application/problem+json` (RFC 9457) with a stable code in `error`. \
            Unknown fields of requests are passed over.\n\n\
            Two doors are WebSockets: `/ws/signaling/{id}` for viewers and `/ws/events` for events, whose messages are \
            those of `GET /v2/events`.",
        "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
    })
}

fn problem(description: &str) -> Value {
    let schema = json!({ "$ref": format!("{SCHEMAS}Problem") });
    json!({ "description": description, "content": { "application/problem+json": { "schema": schema } } })
}

fn complete_operation(method: &str, path: &str, operation: &mut Value) {
    operation["operationId"] = json!(operation_id(method, path));
    let access = match policy::of(&method.to_ascii_uppercase(), path) {
        Verdict::Access(access) => access,
        // The tests find these.
        Verdict::OtherMethods(_) | Verdict::Unknown => return,
    };
    let has_account = matches!(access, Access::SignedIn | Access::Needs(_));
    operation["security"] = match access {
        _ if has_account => json!([{ "bearer": [] }, { "apiKey": [] }, { "session": [] }]),
        _ => json!([]),
    };
    if let Access::Needs(scope) = access {
        let needs = format!("Needs the permission `{}`.", scope.name());
        let text = operation["description"].as_str().filter(|text| !text.is_empty());
        operation["description"] =
            json!(text.map_or_else(|| needs.clone(), |text| format!("{text}\n\n{needs}")));
    }
    add_nested_parameters(path, operation);
    let has_parameters = |place: &str| {
        let parameters = operation["parameters"].as_array();
        parameters.is_some_and(|parameters| parameters.iter().any(|parameter| parameter["in"] == place))
    };
    let (in_path, in_query) = (has_parameters("path"), has_parameters("query"));
    let has_body = operation.get("requestBody").is_some();
    let changes = method != "get";
    for (name, status, _) in REFUSALS {
        let possible = match status {
            "401" => has_account,
            "403" => has_account || changes,
            "404" => in_path,
            "408" | "413" | "415" => has_body,
            "422" => has_body || in_query,
            _ => true,
        };
        let answers = &mut operation["responses"];
        if possible && answers.get(status).is_none() {
            answers[status] = json!({ "$ref": format!("#/components/responses/{name}") });
        }
    }
    // What handlers say of refusals is a sentence; all refusals look the same.
    for (status, answer) in operation["responses"].as_object_mut().into_iter().flatten() {
        let is_refusal = status.starts_with(['4', '5']);
        if is_refusal && answer.get("content").is_none() && answer.get("$ref").is_none() {
            *answer = problem(answer["description"].as_str().unwrap_or_default());
        }
    }
}

/// What stands in the path under which handlers of several paths are nested is unknown to them: ids all.
fn add_nested_parameters(path: &str, operation: &mut Value) {
    let known: BTreeSet<_> = operation["parameters"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|parameter| Some(parameter["name"].as_str()?.to_owned()))
        .collect();
    let names = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let missing: Vec<_> = names
        .filter(|name| !known.contains(*name))
        .map(|name| {
            let schema = json!({ "type": "string", "format": "uuid" });
            json!({ "name": name, "in": "path", "required": true, "schema": schema })
        })
        .collect();
    if !missing.is_empty() {
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        operation["parameters"] = missing.into_iter().chain(parameters).collect();
    }
}

/// `get_v2_streams_id_health`: unique, and the same in every version.
fn operation_id(method: &str, path: &str) -> String {
    let words = path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.fold(method.to_owned(), |id, word| format!("{id}_{word}"))
}

/// In answers nothing is left out for being null, so what may be null is required there. In requests it may be left
/// out.
fn require_what_is_answered(document: &mut Value) {
    let mut asked = BTreeSet::new();
    for item in document["paths"].as_object().into_iter().flat_map(Map::values) {
        for operation in item.as_object().into_iter().flat_map(Map::values) {
            names_in(&operation["requestBody"], &mut asked);
        }
    }
    loop {
        let before = asked.len();
        for name in asked.clone() {
            names_in(&document["components"]["schemas"][name.as_str()], &mut asked);
        }
        if asked.len() == before {
            break;
        }
    }
    let schemas = document["components"]["schemas"].as_object_mut().into_iter().flatten();
    for (_, schema) in schemas.filter(|(name, _)| !asked.contains(*name)) {
        require_nullable(schema);
    }
}

/// The schemas that are referred to in a part of the document.
fn names_in(part: &Value, names: &mut BTreeSet<String>) {
    match part {
        Value::Object(members) => {
            for (name, value) in members {
                match value.as_str().and_then(|target| target.strip_prefix(SCHEMAS)) {
                    Some(target) if name == "$ref" => drop(names.insert(target.to_owned())),
                    _ => names_in(value, names),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| names_in(item, names)),
        _ => {}
    }
}

fn require_nullable(schema: &mut Value) {
    if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        let nullable: Vec<_> = properties
            .iter()
            .filter(|(_, property)| may_be_null(property))
            .map(|(name, _)| name.clone())
            .collect();
        let mut required: BTreeSet<String> = nullable.into_iter().collect();
        required.extend(
            schema["required"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|name| Some(name.as_str()?.to_owned())),
        );
        if !required.is_empty() {
            schema["required"] = json!(required);
        }
    }
    match schema {
        Value::Object(members) => members.values_mut().for_each(require_nullable),
        Value::Array(items) => items.iter_mut().for_each(require_nullable),
        _ => {}
    }
}

fn may_be_null(property: &Value) -> bool {
    let names_null = |kind: &Value| *kind == "null";
    let in_type = property["type"].as_array().is_some_and(|types| types.iter().any(names_null));
    let in_choice = property["oneOf"].as_array();
    in_type || in_choice.is_some_and(|choice| choice.iter().any(|schema| names_null(&schema["type"])))
}
