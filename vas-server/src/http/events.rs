//! `/v2/events`: events as server-sent events (HTML standard, section 9.2), for clients without WebSocket.

use super::HttpState;
use super::extract::QueryFields;
use super::guard::Scoped;
use super::problem::Problem;
use super::schema;
use crate::control::Control;
use crate::control::events::{Event, EventMessage, EventReader, Topic};
use axum::extract::FromRequestParts;
use axum::http::header::CACHE_CONTROL;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};
use axum::response::sse::{KeepAlive, Sse};
use axum::response::{IntoResponse, Response, sse};
use futures_util::{StreamExt, stream};
use std::convert::Infallible;
use std::time::Duration;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The number of the last event that a client got before its connection was lost.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Told to proxies that collect answers before they pass them on.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
/// Time between two comments that keep the connection.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Longest list of topics, in characters.
const LONGEST_TOPICS: usize = 200;

pub(super) fn routes() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new().routes(routes!(events))
}

/// `?topics=stream_state,alert&since=seq`: what to tell, and from where on.
#[derive(Debug)]
pub(crate) struct EventQuery {
    topics: Vec<Topic>,
    since: Option<u64>,
}

impl EventQuery {
    /// Reads what was asked for.
    pub(crate) fn reader(self, control: &Control) -> EventReader {
        control.read_events(self.topics, self.since)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for EventQuery {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Ok(QueryFields(mut query)) = QueryFields::from_request_parts(parts, state).await;
        let since = query.optional_integer("since", 0, u64::MAX);
        let topics = match query.text("topics", LONGEST_TOPICS).filter(|text| !text.is_empty()) {
            None => Topic::ALL.to_vec(),
            Some(text) => {
                let topics: Result<Vec<Topic>, _> = text.split(',').map(|name| name.trim().parse()).collect();
                topics.unwrap_or_else(|_| {
                    let known = Topic::ALL.map(Topic::name).join(", ");
                    query.refuse("topics", format!("must be some of {known}, separated by commas"));
                    Vec::new()
                })
            }
        };
        query.finish()?;
        Ok(Self { topics, since })
    }
}

/// Follow events, as server-sent events
///
/// Each has its number as its id, so that a browser goes on from where it was (`Last-Event-ID`), and a message as its
/// data. `/ws/events` sends the same messages over a WebSocket. The first one tells that the client is connected, and
/// from which number on; after a gap what is shown has to be asked for anew.
#[utoipa::path(
    get, path = "/v2/events", tag = "Events", params(schema::EventParams),
    responses((
        status = 200, description = "Events, without end; each `data` is an `EventMessage`.",
        body = EventMessage, content_type = "text/event-stream",
    )),
)]
async fn events(
    Scoped(state): Scoped<HttpState>,
    mut query: EventQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    // A browser that connects again tells what it got, and does not change the address for that.
    let last = headers.get(LAST_EVENT_ID).and_then(|value| value.to_str().ok()?.trim().parse().ok());
    query.since = last.or(query.since);
    let scope = state.control.scope().clone();
    let events = stream::unfold(query.reader(&state.control), |mut reader| async move {
        let event = message(reader.next().await);
        Some((Ok::<_, Infallible>(event), reader))
    });
    let lease = state.control.sight().lease.clone();
    let events = events.take_until(async move {
        tokio::select! {
            () = scope.cancelled() => {}
            () = lease.over() => {}
        }
    });
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE);
    let headers = [(CACHE_CONTROL, "no-store"), (X_ACCEL_BUFFERING, "no")];
    Ok((headers, Sse::new(events).keep_alive(keep_alive)).into_response())
}

/// The same message as over WebSocket, with its number as the id to go on from.
fn message(event: Event) -> sse::Event {
    sse::Event::default().id(event.seq.to_string()).data(event.text)
}
