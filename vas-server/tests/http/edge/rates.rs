//! How often clients may call.

use crate::support::{Answer, Server};
use reqwest::{Method, StatusCode};
use serde_json::json;

async fn from(server: &Server, address: &str, path: &str) -> Answer {
    Answer::of(server.request(Method::GET, path).header("X-Forwarded-For", address)).await
}

#[tokio::test]
async fn a_client_is_told_where_it_stands_and_when_to_come_back() {
    let server = Server::start_with(|config| config.limits.requests_per_minute = 3).await;
    for left in [2, 1, 0] {
        let answer = server.get("/v2/streams").await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.header("ratelimit-policy"), "\"account\";q=3;w=60");
        assert!(answer.header("ratelimit").starts_with(&format!("\"account\";r={left};t=")), "{answer:?}");
    }
    let refused = server.get("/v2/streams").await;
    let details = refused.problem(429, "RATE_LIMITED");
    let seconds: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=20).contains(&seconds), "{seconds}");
    assert_eq!(details, json!({ "limit": "account", "retry_after_seconds": seconds }));
    assert!(refused.header("ratelimit").starts_with("\"account\";r=0;t="));
    // What needs no account goes on: whether the server lives must be seen.
    assert_eq!(server.get("/health").await.status, StatusCode::OK);
}

#[tokio::test]
async fn costly_calls_have_a_narrower_limit() {
    let server = Server::start_with(|config| config.limits.expensive_per_minute = 1).await;
    let body = json!({ "rtsp_url": "nothing" });
    let first = server.post("/api/v1/devices/validate", &body).await;
    assert_eq!(first.status, StatusCode::OK);
    let policies = first.headers.get_all("ratelimit-policy").iter().map(|value| value.to_str().unwrap());
    assert_eq!(policies.collect::<Vec<_>>(), ["\"account\";q=6000;w=60", "\"expensive\";q=1;w=60"]);
    let details = server.post("/api/v1/devices/validate", &body).await.problem(429, "RATE_LIMITED");
    assert_eq!(details["limit"], "expensive");
    assert_eq!(server.get("/v2/streams").await.status, StatusCode::OK);
}

#[tokio::test]
async fn attempts_to_sign_in_are_counted_by_address_whatever_they_show() {
    let server = Server::start_with(|config| {
        config.limits.sign_ins_per_minute = 2;
        config.http.trusted_proxies = vec!["127.0.0.1".to_owned()];
    })
    .await;
    let attempt = async |address: &str, client: &str| {
        let body = json!({ "client_id": client, "client_secret": "wrong" });
        let request = server.request(Method::POST, "/v2/auth/token").json(&body);
        Answer::of(request.header("X-Forwarded-For", address)).await.status.as_u16()
    };
    assert_eq!(attempt("198.51.100.1", "a").await, 401);
    assert_eq!(attempt("198.51.100.1", "b").await, 401);
    assert_eq!(attempt("198.51.100.1", "c").await, 429);
    assert_eq!(attempt("198.51.100.2", "a").await, 401, "another address");
}

/// The address behind a proxy that is trusted counts; what a client claims itself does not.
#[tokio::test]
async fn clients_are_told_apart_behind_a_trusted_proxy() {
    let limit = |config: &mut vas_server::config::Config| config.limits.requests_per_minute = 1;
    let server = Server::start_with(|config| {
        limit(config);
        config.http.trusted_proxies = vec!["127.0.0.0/8".to_owned()];
    })
    .await;
    assert_eq!(from(&server, "198.51.100.1", "/v2/streams").await.status, StatusCode::OK);
    assert_eq!(from(&server, "198.51.100.2", "/v2/streams").await.status, StatusCode::OK);
    for claim in ["198.51.100.1", "203.0.113.9, 198.51.100.1", "198.51.100.1, 127.0.0.7"] {
        from(&server, claim, "/v2/streams").await.problem(429, "RATE_LIMITED");
    }
    // Of IPv6, a network is one client.
    assert_eq!(from(&server, "2001:db8::1", "/v2/streams").await.status, StatusCode::OK);
    from(&server, "2001:db8::2", "/v2/streams").await.problem(429, "RATE_LIMITED");
    assert_eq!(from(&server, "2001:db8:0:1::1", "/v2/streams").await.status, StatusCode::OK);

    let server = Server::start_with(limit).await;
    assert_eq!(from(&server, "198.51.100.1", "/v2/streams").await.status, StatusCode::OK);
    from(&server, "198.51.100.2", "/v2/streams").await.problem(429, "RATE_LIMITED");
}
