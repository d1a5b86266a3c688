//! `/v2/metrics/history`: figures over time.

use crate::control::dashboard::history::{Grid, MAX_POINTS, Metric, OF_SERVER, OF_STREAM};
use crate::http::HttpState;
use crate::http::extract::QueryFields;
use crate::http::fields::Fields;
use crate::http::guard::Scoped;
use crate::http::problem::Problem;
use crate::http::view::time;
use axum::Json;
use serde::Serialize;
use std::collections::BTreeMap;
use std::convert::Infallible;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use vas_core::{StreamId, WallTime};

const MICROS: i64 = 1_000_000;
/// Without a start the last hour is shown, in microseconds.
const AN_HOUR: i64 = 3_600 * MICROS;
/// Longest list of figures in characters.
const LONGEST_LIST: usize = 200;
/// Longest step in seconds: a day.
const LONGEST_STEP: u64 = 86_400;

pub(super) fn routes() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new().routes(routes!(history))
}

/// Which figures of when.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes what is read in another way")]
struct HistoryQuery {
    /// Names with commas between: of the server `ingest_kbps`, `egress_kbps`, `viewers`, `streams_live`, `cpu`, `memory`,
    /// `disk_free`, `recording_bytes`; of a stream `ingest_kbps`, `fps`, `loss`, `viewers`, `live`. All where none is given.
    metrics: Option<String>,
    /// The stream; the server where none is given.
    stream_id: Option<uuid::Uuid>,
    /// RFC 3339 or Unix milliseconds; an hour before the end where it is missing.
    start: Option<String>,
    /// Now where it is missing.
    end: Option<String>,
    /// Seconds from point to point; so many that about 720 points come out where it is missing.
    step: Option<u32>,
}

/// Figures over time.
#[derive(Debug, Serialize, ToSchema)]
struct HistoryView {
    #[schema(format = "date-time")]
    start: String,
    #[schema(format = "date-time")]
    end: String,
    /// Seconds from point to point.
    step: i64,
    /// Unix seconds of the points.
    t: Vec<i64>,
    /// By name, a mean for each point; null where nothing is known.
    series: BTreeMap<&'static str, Vec<Option<f64>>>,
}

/// Show figures over time
///
/// Means of ten seconds are kept for two hours, of a minute for two days, of a quarter of an hour for 60 days.
#[utoipa::path(
    get, path = "/v2/metrics/history", tag = "Dashboard", params(HistoryQuery),
    responses((status = 200, description = "The figures.", body = HistoryView)),
)]
async fn history(
    Scoped(state): Scoped<HttpState>,
    Ok(QueryFields(mut query)): Result<QueryFields, Infallible>,
) -> Result<Json<HistoryView>, Problem> {
    let stream: Option<StreamId> = query.parsed("stream_id", "must be a uuid");
    let metrics = read_metrics(&mut query, if stream.is_some() { &OF_STREAM } else { &OF_SERVER });
    let now = state.clock.wall();
    let grid = read_grid(&mut query, now);
    query.finish()?;
    let Some(grid) = grid else { return Err(Problem::not_found("time")) };
    let figures = state.control.figures_over_time(stream, grid).await?;
    let series = metrics.into_iter().map(|(name, read)| (name, figures.iter().map(read).collect()));
    let at = |seconds: i64| time(WallTime::from_unix_micros(seconds.saturating_mul(MICROS)));
    Ok(Json(HistoryView {
        start: at(grid.start),
        end: at(grid.end),
        step: grid.step,
        t: grid.times().collect(),
        series: series.collect(),
    }))
}

fn read_metrics(query: &mut Fields, known: &[Metric]) -> Vec<Metric> {
    let Some(text) = query.text("metrics", LONGEST_LIST).filter(|text| !text.is_empty()) else {
        return known.to_vec();
    };
    let find = |name: &str| known.iter().find(|(known, _)| *known == name).copied();
    let found: Option<Vec<_>> = text.split(',').map(|name| find(name.trim())).collect();
    found.unwrap_or_else(|| {
        let names: Vec<_> = known.iter().map(|(name, _)| *name).collect();
        query.refuse("metrics", format!("must be some of {}, separated by commas", names.join(", ")));
        Vec::new()
    })
}

fn read_grid(query: &mut Fields, now: WallTime) -> Option<Grid> {
    let end = query.moment("end").unwrap_or(now);
    let start = query.moment("start").unwrap_or_else(|| end.add_micros(-AN_HOUR));
    let step = query.optional_integer("step", 1, LONGEST_STEP).and_then(|step| i64::try_from(step).ok());
    if end <= start {
        query.refuse("end", "must lie after start");
        return None;
    }
    let seconds = |time: WallTime| time.as_unix_micros().div_euclid(MICROS);
    let grid = Grid::new(seconds(start), seconds(end), step, seconds(now));
    if grid.is_none() {
        query.refuse("step", format!("must be longer: there may be {MAX_POINTS} points at most"));
    }
    grid
}
