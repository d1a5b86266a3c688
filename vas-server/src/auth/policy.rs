//! Who may do what: for every method of every route what a caller needs. The one place that says so.
//!
//! Routes are patterns as the router knows them. What stands here in no line is refused, so that a route which somebody
//! forgets here is closed rather than open. Which devices a caller sees is decided elsewhere, and once as well: all
//! calls go through the scoped control (`Control::seen_by`).

use super::scope::Scope;
use std::collections::HashMap;
use std::sync::LazyLock;

/// What a caller needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Nothing.
    Public,
    /// A name that carries its own permission, which the handler checks.
    SignedUrl,
    /// An account, whatever it may do.
    SignedIn,
    /// An account with this permission.
    Needs(Scope),
}

/// The methods of a route and what they need.
pub(crate) struct Rule {
    /// Methods; `GET` stands for `HEAD`, too.
    pub(crate) methods: &'static [&'static str],
    /// The route's pattern.
    pub(crate) route: &'static str,
    /// What a caller needs.
    pub(crate) access: Access,
}

const GET: &[&str] = &["GET"];
const POST: &[&str] = &["POST"];
const PUT: &[&str] = &["PUT"];
const DELETE: &[&str] = &["DELETE"];
const GET_PUT: &[&str] = &["GET", "PUT"];
const GET_POST: &[&str] = &["GET", "POST"];
const GET_PUT_DELETE: &[&str] = &["GET", "PUT", "DELETE"];
const PUT_DELETE: &[&str] = &["PUT", "DELETE"];
/// Of a WHEP or WHIP endpoint.
const ENDPOINT: &[&str] = &["GET", "POST", "OPTIONS"];
/// Of a WHEP or WHIP session.
const SESSION: &[&str] = &["GET", "PATCH", "DELETE", "OPTIONS"];

use Access::{Public, SignedIn, SignedUrl};
const READ: Access = Access::Needs(Scope::StreamsRead);
const WRITE: Access = Access::Needs(Scope::StreamsWrite);
const CONSUME: Access = Access::Needs(Scope::StreamsConsume);
const READ_SNAPSHOTS: Access = Access::Needs(Scope::SnapshotsRead);
const WRITE_SNAPSHOTS: Access = Access::Needs(Scope::SnapshotsWrite);
const READ_BOOKMARKS: Access = Access::Needs(Scope::BookmarksRead);
const WRITE_BOOKMARKS: Access = Access::Needs(Scope::BookmarksWrite);
const ADMIN: Access = Access::Needs(Scope::Admin);

const fn rule(methods: &'static [&'static str], route: &'static str, access: Access) -> Rule {
    Rule { methods, route, access }
}

/// Every route of the server.
pub(crate) const RULES: &[Rule] = &[
    // Pages: their files hold no data.
    rule(GET, "/", Public),
    rule(GET, "/sign-in", Public),
    rule(GET, "/live", Public),
    rule(GET, "/live/{view}", Public),
    rule(GET, "/recordings", Public),
    rule(GET, "/recordings/{ids}", Public),
    rule(GET, "/bookmarks", Public),
    rule(GET, "/snapshots", Public),
    rule(GET, "/devices", Public),
    rule(GET, "/devices/{id}", Public),
    rule(GET, "/analytics", Public),
    rule(GET, "/settings", Public),
    rule(GET, "/settings/{tab}", Public),
    rule(GET, "/icon.svg", Public),
    rule(GET, "/assets/{*path}", Public),
    rule(GET, "/player/{*path}", Public),
    rule(GET, "/openapi.json", Public),
    rule(GET, "/docs", Public),
    rule(GET, "/docs/", Public),
    rule(GET, "/docs/{name}", Public),
    // Whether the server lives.
    rule(GET, "/health", Public),
    rule(GET, "/ready", Public),
    // Unless `metrics.public` lets anybody read them.
    rule(GET, "/metrics", READ),
    rule(GET, "/v2/health", READ),
    rule(GET, "/v2/health/streams", READ),
    rule(GET, "/v2/health/system", READ),
    rule(GET, "/v2/system/resources", READ),
    rule(GET, "/v2/system/stats", READ),
    rule(GET, "/v2/system/config-status", ADMIN),
    // Events.
    rule(GET, "/v2/events", READ),
    rule(GET, "/ws/events", READ),
    // Devices.
    rule(GET, "/api/v1/devices", READ),
    rule(POST, "/api/v1/devices", WRITE),
    rule(POST, "/api/v1/devices/bulk", WRITE),
    rule(POST, "/api/v1/devices/validate", WRITE),
    rule(GET, "/api/v1/devices/{id}", READ),
    rule(PUT_DELETE, "/api/v1/devices/{id}", WRITE),
    rule(POST, "/api/v1/devices/{id}/start-stream", WRITE),
    rule(POST, "/api/v1/devices/{id}/stop-stream", WRITE),
    rule(GET, "/api/v1/devices/{id}/status", READ),
    // Streams.
    rule(GET, "/v2/streams", READ),
    rule(POST, "/v2/streams", WRITE),
    rule(GET, "/v2/streams/{id}", READ),
    rule(DELETE, "/v2/streams/{id}", WRITE),
    rule(GET, "/v2/streams/{id}/health", READ),
    rule(GET, "/v2/streams/{id}/transitions", READ),
    rule(GET, "/api/v1/streams", READ),
    rule(POST, "/api/v1/streams/{id}/start", WRITE),
    rule(POST, "/api/v1/streams/{id}/stop", WRITE),
    rule(POST, "/api/v1/rtsp/streams/{id}/start", WRITE),
    rule(POST, "/api/v1/rtsp/streams/{id}/stop", WRITE),
    rule(POST, "/api/v1/rtsp/streams/{id}/reconnect", WRITE),
    rule(GET, "/api/v1/rtsp/streams/{id}/health", READ),
    rule(GET, "/api/v1/rtsp/streams/{id}/stats", READ),
    // Watching.
    rule(ENDPOINT, "/v2/streams/{id}/whep", CONSUME),
    rule(SESSION, "/v2/streams/{id}/whep/{session}", CONSUME),
    rule(GET, "/v2/streams/{id}/router-capabilities", CONSUME),
    rule(POST, "/v2/streams/{id}/consume", CONSUME),
    rule(GET, "/v2/streams/{id}/consumers", CONSUME),
    rule(DELETE, "/v2/streams/{id}/consumers/{consumer}", CONSUME),
    rule(POST, "/v2/streams/{id}/consumers/{consumer}/connect", CONSUME),
    rule(POST, "/v2/streams/{id}/consumers/{consumer}/ice-candidate", CONSUME),
    rule(DELETE, "/v2/consumers/{consumer}", CONSUME),
    rule(POST, "/v2/consumers/{consumer}/connect", CONSUME),
    rule(POST, "/v2/consumers/{consumer}/ice-candidate", CONSUME),
    rule(GET, "/ws/signaling/{id}", CONSUME),
    rule(GET, "/ws/streams/{id}/connections", CONSUME),
    // Publishing changes what a device's stream shows.
    rule(ENDPOINT, "/v2/whip/{id}", WRITE),
    rule(SESSION, "/v2/whip/{id}/{session}", WRITE),
    // HLS and recordings.
    rule(GET, "/v2/streams/{id}/hls/playlist.m3u8", READ),
    rule(GET, "/v2/streams/{id}/hls/index.m3u8", READ),
    rule(GET, "/v2/streams/{id}/hls/{name}", SignedUrl),
    rule(GET, "/v2/streams/{id}/playback.m3u8", READ),
    rule(GET, "/v2/streams/{id}/media/{name}", SignedUrl),
    rule(GET, "/v2/streams/{id}/clip.mp4", READ),
    rule(GET, "/v2/streams/{id}/recordings", READ),
    rule(GET, "/api/v1/recordings/plan", READ),
    rule(GET, "/api/v1/recordings/streams", READ),
    rule(GET, "/api/v1/recordings/streams/{id}", READ),
    rule(POST, "/api/v1/recordings/streams/{id}/start", WRITE),
    rule(POST, "/api/v1/recordings/streams/{id}/stop", WRITE),
    rule(POST, "/api/v1/recordings/streams/{id}/cleanup", WRITE),
    rule(GET, "/api/v1/recordings/devices/{id}/dates", READ),
    rule(GET, "/api/v1/recordings/devices/{id}/playlist", READ),
    rule(GET, "/api/v1/recordings/devices/{id}/options", READ),
    rule(PUT, "/api/v1/recordings/devices/{id}/options", WRITE),
    rule(POST, "/api/v1/recordings/devices/{id}/event", WRITE),
    rule(GET, "/api/v1/recordings/devices/{id}/{name}", SignedUrl),
    rule(GET, "/list", READ),
    rule(GET, "/get", READ),
    // The dashboard.
    rule(GET, "/v2/timeline", READ),
    rule(GET, "/v2/streams/{id}/thumbnail.jpg", READ_SNAPSHOTS),
    rule(GET, "/v2/streams/{id}/storyboard.jpg", READ_SNAPSHOTS),
    rule(GET, "/v2/alerts", READ),
    rule(POST, "/v2/alerts/{id}/ack", READ),
    rule(GET, "/v2/activity", READ),
    rule(GET, "/v2/metrics/history", READ),
    rule(POST, "/v2/streams/{id}/whep/{session}/layer", CONSUME),
    rule(GET_PUT, "/v2/ui/views", SignedIn),
    rule(GET_PUT, "/v2/ui/preferences", SignedIn),
    rule(GET_PUT, "/v2/settings", ADMIN),
    // An export is a copy that takes room, as a bookmark is.
    rule(GET, "/v2/exports", READ_BOOKMARKS),
    rule(POST, "/v2/exports", WRITE_BOOKMARKS),
    rule(GET, "/v2/exports/{id}", READ_BOOKMARKS),
    rule(DELETE, "/v2/exports/{id}", WRITE_BOOKMARKS),
    rule(GET, "/v2/exports/{id}/files/{name}", READ_BOOKMARKS),
    // Snapshots.
    rule(GET, "/v2/streams/{id}/still.jpg", READ_SNAPSHOTS),
    rule(POST, "/v2/streams/{id}/snapshots", WRITE_SNAPSHOTS),
    rule(GET, "/v2/snapshots", READ_SNAPSHOTS),
    rule(GET, "/v2/snapshots/{id}", READ_SNAPSHOTS),
    rule(DELETE, "/v2/snapshots/{id}", WRITE_SNAPSHOTS),
    rule(GET, "/v2/snapshots/{id}/image", READ_SNAPSHOTS),
    rule(POST, "/api/v1/snapshots/devices/{id}/capture/live", WRITE_SNAPSHOTS),
    rule(POST, "/api/v1/snapshots/devices/{id}/capture/historical", WRITE_SNAPSHOTS),
    rule(GET, "/api/v1/snapshots", READ_SNAPSHOTS),
    rule(GET, "/api/v1/snapshots/{id}", READ_SNAPSHOTS),
    rule(DELETE, "/api/v1/snapshots/{id}", WRITE_SNAPSHOTS),
    rule(GET, "/api/v1/snapshots/{id}/image", READ_SNAPSHOTS),
    // Bookmarks.
    rule(POST, "/v2/streams/{id}/bookmarks", WRITE_BOOKMARKS),
    rule(GET, "/v2/bookmarks", READ_BOOKMARKS),
    rule(GET, "/v2/bookmarks/{id}", READ_BOOKMARKS),
    rule(PUT_DELETE, "/v2/bookmarks/{id}", WRITE_BOOKMARKS),
    rule(GET, "/v2/bookmarks/{id}/video", READ_BOOKMARKS),
    rule(GET, "/v2/bookmarks/{id}/thumbnail", READ_BOOKMARKS),
    rule(POST, "/api/v1/bookmarks/devices/{id}/capture/live", WRITE_BOOKMARKS),
    rule(POST, "/api/v1/bookmarks/devices/{id}/capture/historical", WRITE_BOOKMARKS),
    rule(GET, "/api/v1/bookmarks", READ_BOOKMARKS),
    rule(GET, "/api/v1/bookmarks/{id}", READ_BOOKMARKS),
    rule(PUT_DELETE, "/api/v1/bookmarks/{id}", WRITE_BOOKMARKS),
    rule(GET, "/api/v1/bookmarks/{id}/video", READ_BOOKMARKS),
    rule(GET, "/api/v1/bookmarks/{id}/thumbnail", READ_BOOKMARKS),
    // Accounts. What proves itself by what its body holds is public here.
    rule(POST, "/v2/auth/token", Public),
    rule(POST, "/v2/auth/token/refresh", Public),
    rule(POST, "/v2/auth/token/revoke", Public),
    rule(GET, "/.well-known/jwks.json", Public),
    rule(POST, "/v2/auth/session", Public),
    rule(DELETE, "/v2/auth/session", SignedIn),
    rule(DELETE, "/v2/auth/sessions", SignedIn),
    rule(GET, "/v2/auth/me", SignedIn),
    rule(PUT, "/v2/auth/me/password", SignedIn),
    rule(POST, "/v2/auth/media-token", SignedIn),
    rule(GET_POST, "/v2/auth/keys", SignedIn),
    rule(DELETE, "/v2/auth/keys/{id}", SignedIn),
    rule(GET_POST, "/v2/auth/clients", ADMIN),
    rule(DELETE, "/v2/auth/clients/{id}", ADMIN),
    rule(GET_POST, "/v2/auth/users", ADMIN),
    rule(GET_PUT_DELETE, "/v2/auth/users/{id}", ADMIN),
    rule(GET, "/v2/audit", ADMIN),
    // The whole configuration.
    rule(GET, "/v2/export", ADMIN),
    rule(POST, "/v2/import", ADMIN),
];

/// A method of a route, and what it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouteAccess {
    /// The method.
    pub method: &'static str,
    /// The route's pattern.
    pub route: &'static str,
    /// `public`, `signed-url`, `signed-in`, or the name of a scope.
    pub needs: &'static str,
}

/// The whole policy, for whoever documents or tests it.
pub fn routes() -> impl Iterator<Item = RouteAccess> {
    RULES.iter().flat_map(|rule| {
        let needs = match rule.access {
            Public => "public",
            SignedUrl => "signed-url",
            SignedIn => "signed-in",
            Access::Needs(scope) => scope.name(),
        };
        rule.methods.iter().map(move |method| RouteAccess { method, route: rule.route, needs })
    })
}

/// What is said of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The caller needs this.
    Access(Access),
    /// The route has other methods only: these.
    OtherMethods(Vec<&'static str>),
    /// The route stands in no line.
    Unknown,
}

type Table = HashMap<&'static str, Vec<(&'static str, Access)>>;

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let mut table = Table::new();
    for rule in RULES {
        let methods = table.entry(rule.route).or_default();
        methods.extend(rule.methods.iter().map(|method| (*method, rule.access)));
    }
    table
});

/// What a caller of this method of this route needs.
pub(crate) fn of(method: &str, route: &str) -> Verdict {
    let method = if method == "HEAD" { "GET" } else { method };
    match TABLE.get(route) {
        None => Verdict::Unknown,
        Some(methods) => match methods.iter().find(|(known, _)| *known == method) {
            Some((_, access)) => Verdict::Access(*access),
            None => Verdict::OtherMethods(methods.iter().map(|(method, _)| *method).collect()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_in_the_table_is_refused() {
        assert_eq!(of("HEAD", "/v2/streams/{id}"), Verdict::Access(READ));
        assert_eq!(of("DELETE", "/v2/streams/{id}"), Verdict::Access(WRITE));
        assert_eq!(of("PUT", "/v2/streams/{id}"), Verdict::OtherMethods(vec!["GET", "DELETE"]));
        assert_eq!(of("GET", "/v2/forgotten"), Verdict::Unknown);
    }

    #[test]
    fn every_method_of_a_route_stands_there_once() {
        for (route, methods) in TABLE.iter() {
            for (at, (method, _)) in methods.iter().enumerate() {
                assert!(methods[..at].iter().all(|(other, _)| other != method), "{method} {route}");
            }
        }
    }
}
