//! Requests, counted by what was asked and how it ended.

use super::text::{Exposition, Kind};
use axum::extract::{MatchedPath, Request};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::Response;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Upper ends of the histogram's buckets, in seconds.
const BUCKETS: [f64; 12] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// What stands for the route where there is none.
const NO_ROUTE: &str = "none";

/// Counts requests. Bounded: routes are the router's patterns, methods and statuses those of the standard.
#[derive(Debug, Default)]
pub(in crate::http) struct Traffic {
    routes: Mutex<BTreeMap<String, OfRoute>>,
}

#[derive(Debug, Default)]
struct OfRoute {
    /// By method and status.
    answers: BTreeMap<(&'static str, u16), u64>,
    /// How many took as long as a bucket's end at most and longer than the one before; the last is for the rest.
    buckets: [u64; BUCKETS.len() + 1],
    seconds: f64,
}

/// The route of a request, noted in its answer for who counts outside of the routes.
#[derive(Clone, Debug)]
struct Route(MatchedPath);

/// Notes the route of a request in its answer.
pub(in crate::http) async fn remember_route(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let mut response = next.run(request).await;
    if let Some(route) = route {
        response.extensions_mut().insert(Route(route));
    }
    response
}

impl Traffic {
    pub(in crate::http) fn shared() -> Arc<Self> {
        Arc::default()
    }

    /// Counts a request whose answer begins.
    pub(in crate::http) fn count(&self, method: &Method, response: &Response, took: Duration) {
        let route = response.extensions().get::<Route>().map_or(NO_ROUTE, |route| route.0.as_str());
        let seconds = took.as_secs_f64();
        let bucket = BUCKETS.iter().position(|end| seconds <= *end).unwrap_or(BUCKETS.len());
        let mut routes = self.routes.lock();
        if !routes.contains_key(route) {
            routes.insert(route.to_owned(), OfRoute::default());
        }
        let Some(of_route) = routes.get_mut(route) else { return };
        *of_route.answers.entry((known(method), response.status().as_u16())).or_default() += 1;
        of_route.buckets[bucket] += 1;
        of_route.seconds += seconds;
    }

    /// Writes what was counted.
    pub(super) fn write(&self, text: &mut Exposition) {
        const REQUESTS: &str = "vas_http_requests_total";
        const SECONDS: &str = "vas_http_request_duration_seconds";
        let routes = self.routes.lock();
        text.family(REQUESTS, Kind::Counter, "Requests by route, method and status.");
        for (route, of_route) in &*routes {
            for ((method, status), count) in &of_route.answers {
                let labels =
                    [("method", *method), ("route", route.as_str()), ("status", &status.to_string())];
                text.sample(REQUESTS, &labels, count);
            }
        }
        text.family(SECONDS, Kind::Histogram, "Time until answers began, by route.");
        for (route, of_route) in &*routes {
            let mut so_far = 0;
            let ends = BUCKETS.iter().map(ToString::to_string).chain(["+Inf".to_owned()]);
            for (end, count) in ends.zip(of_route.buckets) {
                so_far += count;
                text.sample(&format!("{SECONDS}_bucket"), &[("route", route), ("le", &end)], so_far);
            }
            text.sample(&format!("{SECONDS}_sum"), &[("route", route)], of_route.seconds);
            text.sample(&format!("{SECONDS}_count"), &[("route", route)], so_far);
        }
    }
}

/// A method by its name; a client may invent others.
fn known(method: &Method) -> &'static str {
    const METHODS: [Method; 7] = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::OPTIONS,
    ];
    const NAMES: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    METHODS.iter().zip(NAMES).find(|(known, _)| *known == method).map_or("OTHER", |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::StatusCode;
    use axum::response::IntoResponse;

    #[test]
    fn requests_are_counted_in_their_buckets() {
        let traffic = Traffic::default();
        for (method, millis) in [("GET", 3), ("GET", 300), ("GET", 60_000), ("BREW", 1)] {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let answer = StatusCode::NOT_FOUND.into_response();
            traffic.count(&method, &answer, Duration::from_millis(millis));
        }
        let mut text = Exposition::default();
        traffic.write(&mut text);
        let text = text.into_text();
        for line in [
            "vas_http_requests_total{method=\"GET\",route=\"none\",status=\"404\"} 3",
            "vas_http_requests_total{method=\"OTHER\",route=\"none\",status=\"404\"} 1",
            "vas_http_request_duration_seconds_bucket{route=\"none\",le=\"0.001\"} 1",
            "vas_http_request_duration_seconds_bucket{route=\"none\",le=\"0.005\"} 2",
            "vas_http_request_duration_seconds_bucket{route=\"none\",le=\"10\"} 3",
            "vas_http_request_duration_seconds_bucket{route=\"none\",le=\"+Inf\"} 4",
            "vas_http_request_duration_seconds_count{route=\"none\"} 4",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in {text}");
        }
    }
}
