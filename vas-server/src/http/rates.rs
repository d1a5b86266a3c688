//! How often clients may call: buckets that fill evenly (GCRA, by the crate `governor`), counted by account and by
//! address, told in `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-10).
//!
//! Who calls is known only after the proof was checked, which itself costs something, and which whoever guesses would have
//! for nothing. So an address is counted first, and the account after it.

use super::HttpState;
use super::client::{Client, network_of};
use super::problem::Problem;
use crate::auth::{Principal, Subject};
use crate::config::LimitsConfig;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;
use uuid::Uuid;

pub(super) const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
pub(super) const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// What all numbers are counted over.
const WINDOW: Duration = Duration::from_secs(60);
/// After so many calls it is looked whether anybody can be forgotten.
const CALLS_BETWEEN_LOOKS: u32 = 1_024;

/// Whose calls are counted together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Caller {
    Account(Uuid),
    External(Arc<str>),
    Network(IpAddr),
    /// Whoever is not counted alone: clients without an address, and those for whom there is no place.
    Others,
}

/// One kind of limit.
#[derive(Debug)]
struct Bucket {
    name: &'static str,
    quota: u32,
    limiter: RateLimiter<Caller, DashMapStateStore<Caller>, DefaultClock, StateInformationMiddleware>,
    clock: DefaultClock,
    most: usize,
    calls: AtomicU32,
    is_full: AtomicBool,
}

/// What a limit says of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Standing {
    name: &'static str,
    quota: u32,
    /// Calls that are left.
    left: u32,
    /// Seconds until one more may come, for a call that was refused; until all are left again for others.
    seconds: u64,
    refused: bool,
}

impl Bucket {
    /// `None`: there is no such limit.
    fn new(name: &'static str, per_minute: u32, most: u32) -> Option<Self> {
        let quota = Quota::with_period(WINDOW / per_minute.max(1))?.allow_burst(NonZeroU32::new(per_minute)?);
        Some(Self {
            name,
            quota: per_minute,
            limiter: RateLimiter::dashmap(quota).with_middleware(),
            clock: DefaultClock::default(),
            most: most as usize,
            calls: AtomicU32::new(0),
            is_full: AtomicBool::new(false),
        })
    }

    fn take(&self, caller: Caller) -> Standing {
        if self.calls.fetch_add(1, Ordering::Relaxed).is_multiple_of(CALLS_BETWEEN_LOOKS) {
            self.forget();
        }
        // Who invents callers by the thousand has one bucket for all that are not known yet.
        let caller = if self.is_full.load(Ordering::Relaxed) { Caller::Others } else { caller };
        let standing = |left, wait: Duration, refused| Standing {
            name: self.name,
            quota: self.quota,
            left,
            seconds: wait.as_secs() + u64::from(wait.subsec_nanos() > 0),
            refused,
        };
        match self.limiter.check_key(&caller) {
            Ok(state) => {
                let left = state.remaining_burst_capacity();
                standing(left, WINDOW * (self.quota - left.min(self.quota)) / self.quota, false)
            }
            Err(refused) => standing(0, refused.wait_time_from(self.clock.now()), true),
        }
    }

    /// Forgets those whose buckets are full again.
    fn forget(&self) {
        if self.limiter.len() >= self.most / 2 {
            self.limiter.retain_recent();
            self.limiter.shrink_to_fit();
        }
        self.is_full.store(self.limiter.len() >= self.most, Ordering::Relaxed);
    }
}

/// The limits.
#[derive(Debug)]
pub(super) struct Rates {
    address: Option<Bucket>,
    sign_in: Option<Bucket>,
    account: Option<Bucket>,
    expensive: Option<Bucket>,
}

impl Rates {
    pub(super) fn new(config: &LimitsConfig) -> Self {
        let bucket = |name, per_minute| Bucket::new(name, per_minute, config.max_clients);
        Self {
            address: bucket("address", config.address_requests_per_minute),
            sign_in: bucket("sign-in", config.sign_ins_per_minute),
            account: bucket("account", config.requests_per_minute),
            expensive: bucket("expensive", config.expensive_per_minute),
        }
    }
}

/// Whether a call tries to sign in or to have a token.
fn is_sign_in(method: &Method, route: &str) -> bool {
    const ROUTES: [&str; 6] = [
        "/v2/auth/token",
        "/v2/auth/token/refresh",
        "/v2/auth/session",
        "/v2/auth/me/password",
        "/api/v1/external/auth/token",
        "/api/v1/external/auth/refresh",
    ];
    matches!(*method, Method::POST | Method::PUT) && ROUTES.contains(&route)
}

/// Whether a call costs much: it connects to a camera, makes a picture, reads hours of recordings.
fn is_expensive(method: &Method, route: &str) -> bool {
    match *method {
        Method::POST => {
            route.ends_with("/validate")
                || route.ends_with("/snapshots")
                || route.starts_with("/api/v1/snapshots/devices/")
                || route.ends_with("/import")
                || route.ends_with("/bulk")
                || route.ends_with("/exports")
        }
        Method::GET => route.ends_with("/clip.mp4") || route == "/get" || route.ends_with("/export"),
        _ => false,
    }
}

/// Counts a call by its address, before anybody looks at what it shows.
pub(super) async fn by_address(State(state): State<HttpState>, request: Request, next: Next) -> Response {
    let sign_in = is_sign_in(request.method(), route(&request));
    let bucket = if sign_in { &state.rates.sign_in } else { &state.rates.address };
    let standing = bucket.as_ref().map(|bucket| bucket.take(network(&request)));
    match standing {
        Some(standing) if standing.refused => refuse(standing),
        // The wide limit is nobody's business who keeps to a narrower one.
        Some(standing) if sign_in => told(standing, next.run(request).await),
        _ => next.run(request).await,
    }
}

/// Counts a call by its account; by its address where there are no accounts.
pub(super) async fn by_account(State(state): State<HttpState>, request: Request, next: Next) -> Response {
    let Some(principal) = request.extensions().get::<Principal>() else {
        return next.run(request).await;
    };
    let caller = match &principal.subject {
        Subject::User(id) | Subject::Client(id) => Caller::Account(*id),
        Subject::External(name) => Caller::External(name.clone()),
        Subject::Anyone => network(&request),
    };
    let account = state.rates.account.as_ref().map(|bucket| bucket.take(caller.clone()));
    let expensive =
        state.rates.expensive.as_ref().filter(|_| is_expensive(request.method(), route(&request)));
    let expensive = expensive.map(|bucket| bucket.take(caller));
    let standings: Vec<_> = account.into_iter().chain(expensive).collect();
    if let Some(refused) = standings.iter().find(|standing| standing.refused) {
        return refuse(*refused);
    }
    let response = next.run(request).await;
    standings.into_iter().fold(response, |response, standing| told(standing, response))
}

fn route(request: &Request) -> &str {
    request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str)
}

fn network(request: &Request) -> Caller {
    let client = request.extensions().get::<Client>();
    client
        .and_then(|client| client.address)
        .map_or(Caller::Others, |address| Caller::Network(network_of(address)))
}

fn refuse(standing: Standing) -> Response {
    let Standing { name, quota, seconds, .. } = standing;
    let description =
        format!("too many calls: the limit \"{name}\" is {quota} a minute; try again in {seconds} s");
    let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "RATE_LIMITED", description)
        .retry_after(seconds)
        .and_detail("limit", name.into());
    told(standing, problem.into_response())
}

/// Tells a client where it stands. Each limit is a member of both lists.
fn told(standing: Standing, mut response: Response) -> Response {
    let Standing { name, quota, left, seconds, .. } = standing;
    let mut add = |header: &HeaderName, text: String| {
        if let Ok(value) = HeaderValue::try_from(text) {
            let headers: &mut HeaderMap = response.headers_mut();
            headers.append(header, value);
        }
    };
    add(&RATE_LIMIT_POLICY, format!("\"{name}\";q={quota};w={}", WINDOW.as_secs()));
    add(&RATE_LIMIT, format!("\"{name}\";r={left};t={seconds}"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(last: u8) -> Caller {
        Caller::Network(IpAddr::from([192, 0, 2, last]))
    }

    #[test]
    fn each_caller_has_its_own_bucket() {
        let bucket = Bucket::new("test", 3, 100).unwrap();
        let left: Vec<_> = (0..3).map(|_| bucket.take(from(1)).left).collect();
        assert_eq!(left, [2, 1, 0]);
        let refused = bucket.take(from(1));
        assert!(refused.refused && (1..=20).contains(&refused.seconds), "{refused:?}");
        assert!(!bucket.take(from(2)).refused);
        assert_eq!(bucket.take(from(2)).seconds, 40, "until all are left again");
        assert!(Bucket::new("none", 0, 100).is_none());
    }

    #[test]
    fn invented_callers_are_not_kept() {
        let bucket = Bucket::new("test", 1, 100).unwrap();
        let account = |n: u32| Caller::Account(Uuid::from_u128(n.into()));
        let refused = (0..10_000).filter(|n| bucket.take(account(*n)).refused).count();
        assert!(bucket.limiter.len() <= 100 + CALLS_BETWEEN_LOOKS as usize);
        assert!(refused > 8_000, "they share one bucket: {refused}");
    }

    #[test]
    fn kinds_of_calls_are_told_apart() {
        let (get, post) = (Method::GET, Method::POST);
        assert!(is_sign_in(&post, "/v2/auth/session") && !is_sign_in(&Method::DELETE, "/v2/auth/session"));
        assert!(is_expensive(&post, "/api/v1/devices/validate"));
        assert!(is_expensive(&post, "/v2/streams/{id}/snapshots"));
        assert!(is_expensive(&get, "/v2/streams/{id}/clip.mp4"));
        assert!(!is_expensive(&get, "/v2/snapshots") && !is_expensive(&post, "/v2/streams/{id}/whep"));
    }
}
