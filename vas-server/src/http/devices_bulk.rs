//! `POST /api/v1/devices/bulk`: many devices at once, as a JSON array or a CSV table (RFC 4180).
//!
//! Each is added by itself, in order. What is wrong with one is told in its place of the answer and keeps no other from
//! being added.

use super::HttpState;
use super::device_fields;
use super::extract::{QueryFields, media_type, read_body};
use super::fields::Fields;
use super::guard::Scoped;
use super::problem::Problem;
use crate::control::bulk::{Added, BulkAdd};
use axum::Json;
use axum::extract::Request;
use axum::http::StatusCode;
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::convert::Infallible;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use vas_core::DeviceId;

/// Largest body, in bytes.
const MAX_BODY: usize = 8 << 20;
/// Devices in one request at most.
const MAX_ROWS: usize = 10_000;
/// Columns of a CSV table, of which the first two must be there.
const COLUMNS: [&str; 10] = [
    "name",
    "rtsp_url",
    "sub_rtsp_url",
    "description",
    "location",
    "group",
    "on_demand",
    "idle_seconds",
    "autostart",
    "transport",
];

pub(super) fn routes() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new().routes(routes!(add))
}

/// What became of many devices.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BulkResult {
    /// Whether nothing was added, and this only tells what would have come of it.
    dry_run: bool,
    /// Devices added, or that would have been.
    added: usize,
    /// Devices that could not be.
    failed: usize,
    /// One for each device, in the order of the request.
    results: Vec<RowResult>,
}

/// What became of one device.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RowResult {
    /// Its place in the request, from 1; of a table's rows, the heading does not count.
    row: usize,
    /// Its name, as far as it has one.
    name: Option<String>,
    /// `added`, `valid` in a trial, or `failed`.
    #[schema(example = "added")]
    status: &'static str,
    /// Its id, where it was added.
    #[schema(value_type = Option<String>, format = Uuid)]
    id: Option<DeviceId>,
    /// What is wrong: `error`, `error_description` and `details`, as in a problem document.
    #[schema(value_type = Option<Object>)]
    error: Option<Value>,
}

/// Add many devices at once
///
/// The body is a JSON array of devices, or a CSV table whose first line names the columns.
#[utoipa::path(
    post,
    path = "/api/v1/devices/bulk",
    tag = "Devices",
    params(("dry_run" = Option<bool>, Query, description = "Only tell what would come of it")),
    request_body(
        content((Vec<Object> = "application/json"), (String = "text/csv")),
        description = "Devices as `POST /api/v1/devices` takes them"
    ),
    responses((status = 200, description = "What became of each", body = BulkResult)),
)]
async fn add(
    Scoped(state): Scoped<HttpState>,
    Ok(QueryFields(mut query)): Result<QueryFields, Infallible>,
    request: Request,
) -> Result<Json<BulkResult>, Problem> {
    let dry_run: bool = query.parsed("dry_run", "must be true or false").unwrap_or(false);
    query.finish()?;
    let kind = media_type(request.headers()).unwrap_or_else(|| "application/json".to_owned());
    let read: fn(&[u8]) -> Result<Vec<Value>, String> = match kind.as_str() {
        "application/json" => rows_of_json,
        "text/csv" => rows_of_csv,
        _ => {
            let description = "send the devices as application/json or text/csv";
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "UNSUPPORTED_MEDIA_TYPE",
                description,
            ));
        }
    };
    let body = read_body(request, MAX_BODY).await?;
    let wrong = |why: String| Problem::fields(&BTreeMap::from([("body".to_owned(), why)]));
    let rows = read(&body).map_err(wrong)?;
    if rows.len() > MAX_ROWS {
        return Err(wrong(format!("must not hold more than {MAX_ROWS} devices")));
    }
    // Carried through, also where the client goes away: what was asked for is not left half done.
    let scope = state.control.scope().clone();
    let adding = async move {
        let mut bulk = state.control.add_many(dry_run).await?;
        let mut results = Vec::with_capacity(rows.len());
        for (index, row) in rows.into_iter().enumerate() {
            results.push(add_row(&mut bulk, index + 1, row).await);
        }
        Ok::<_, Problem>(results)
    };
    let failed = || Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL_ERROR", "the server failed");
    let results = scope.spawn("add devices", adding).await.ok().flatten().ok_or_else(failed)??;
    let failed = results.iter().filter(|result| result.error.is_some()).count();
    Ok(Json(BulkResult { dry_run, added: results.len() - failed, failed, results }))
}

async fn add_row(bulk: &mut BulkAdd, row: usize, value: Value) -> RowResult {
    let name = value.get("name").and_then(Value::as_str).map(|name| name.chars().take(200).collect());
    let added = match value {
        Value::Object(object) => {
            let mut fields = Fields::of_body(object);
            let new = device_fields::new_device(&mut fields);
            match fields.finish() {
                Ok(()) => bulk.add(new).await.map_err(Problem::from),
                Err(problem) => Err(problem),
            }
        }
        _ => Err(Problem::fields(&BTreeMap::from([("body".to_owned(), "must be a JSON object".to_owned())]))),
    };
    let (status, id, error) = match added {
        Ok(Added::Device(id)) => ("added", Some(id), None),
        Ok(Added::Possible) => ("valid", None, None),
        Err(problem) => ("failed", None, Some(problem.members())),
    };
    RowResult { row, name, status, id, error }
}

fn rows_of_json(body: &[u8]) -> Result<Vec<Value>, String> {
    match serde_json::from_slice(body) {
        Ok(Value::Array(rows)) => Ok(rows),
        Ok(_) => Err("must be a JSON array of devices".to_owned()),
        Err(error) => Err(format!("is no valid JSON: {error}")),
    }
}

/// The rows of a table as the objects that they stand for. Cells that are empty are as good as missing.
pub(crate) fn rows_of_csv(body: &[u8]) -> Result<Vec<Value>, String> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).flexible(true).from_reader(body);
    let headings =
        reader.headers().map_err(|_| "must begin with the names of the columns, in UTF-8".to_owned())?;
    let headings: Vec<_> = headings.iter().map(str::to_ascii_lowercase).collect();
    if let Some(unknown) = headings.iter().find(|name| !COLUMNS.contains(&name.as_str())) {
        let unknown: String = unknown.chars().filter(|c| !c.is_control()).take(40).collect();
        return Err(format!("the column {unknown:?} is unknown; there are {}", COLUMNS.join(", ")));
    }
    if let Some(missing) = COLUMNS[..2].iter().find(|name| !headings.iter().any(|heading| heading == *name)) {
        return Err(format!("the column {missing} is missing"));
    }
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| match error.position() {
            Some(position) => format!("line {} can't be read; it must be UTF-8", position.line()),
            None => "can't be read".to_owned(),
        })?;
        if rows.len() > MAX_ROWS {
            break;
        }
        let cells = headings.iter().zip(record.iter()).filter(|(_, cell)| !cell.is_empty());
        rows.push(Value::Object(
            cells.map(|(name, cell)| (name.clone(), value(name, cell))).collect::<Map<_, _>>(),
        ));
    }
    Ok(rows)
}

/// A cell as the value that its column has in JSON. What is no such value stays a text, which is refused there.
fn value(column: &str, cell: &str) -> Value {
    match column {
        "on_demand" | "autostart" => match cell.to_ascii_lowercase().as_str() {
            "true" | "yes" | "1" => Value::Bool(true),
            "false" | "no" | "0" => Value::Bool(false),
            _ => cell.into(),
        },
        "idle_seconds" => cell.parse::<u64>().map_or_else(|_| cell.into(), Value::from),
        _ => cell.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_table_is_read_as_the_objects_it_stands_for() {
        let table = "\u{feff}Name, rtsp_url,on_demand,idle_seconds,location\r\n\
                     Gate,\"rtsp://u:a,\"\"b\"\"@cam/1\",yes,30,\r\n\
                     Yard,rtsp://cam/2,perhaps,x\n\n";
        let expected = [
            json!({ "name": "Gate", "rtsp_url": "rtsp://u:a,\"b\"@cam/1", "on_demand": true, "idle_seconds": 30 }),
            json!({ "name": "Yard", "rtsp_url": "rtsp://cam/2", "on_demand": "perhaps", "idle_seconds": "x" }),
        ];
        assert_eq!(rows_of_csv(table.as_bytes()).unwrap(), expected);
        for (table, part) in [
            ("", "column name is missing"),
            ("name\nGate", "column rtsp_url is missing"),
            ("name,rtsp_url,colour\n", "\"colour\" is unknown"),
        ] {
            let error = rows_of_csv(table.as_bytes()).unwrap_err();
            assert!(error.contains(part), "{table}: {error}");
        }
        assert!(rows_of_csv(b"name,rtsp_url\n\xff,x").unwrap_err().contains("line 2"));
    }
}
