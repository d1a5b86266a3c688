//! What every answer says for browsers, and which pages of other sites may call.

use crate::support::{Answer, Server};
use reqwest::{Method, StatusCode};

const PORTAL: &str = "https://portal.example.com";

async fn preflight(server: &Server, origin: &str, header: &str) -> Answer {
    let request = server.request(Method::OPTIONS, "/v2/streams");
    let request = request.header("Origin", origin).header("Access-Control-Request-Method", "POST");
    Answer::of(request.header("Access-Control-Request-Headers", header)).await
}

#[tokio::test]
async fn nothing_inline_runs_and_nobody_frames_the_page() {
    let server = Server::start().await;
    for path in ["/", "/health", "/nothing-here", "/v2/streams", "/metrics"] {
        let answer = server.get(path).await;
        let policy = answer.header("content-security-policy");
        for part in ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action"] {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe-inline") && !policy.contains("unsafe-eval"), "{path}: {policy}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
        assert_eq!(answer.header("strict-transport-security"), "", "only with TLS: {path}");
    }
}

#[tokio::test]
async fn only_listed_origins_may_read_and_none_by_a_wildcard() {
    let server = Server::start_with(|config| config.http.cors_origins = vec![PORTAL.to_owned()]).await;
    let allowed = preflight(&server, PORTAL, "authorization,content-type,x-api-key,x-csrf-token").await;
    assert_eq!(allowed.header("access-control-allow-origin"), PORTAL);
    assert_eq!(allowed.header("access-control-allow-credentials"), "");
    for header in ["authorization", "x-api-key", "x-csrf-token"] {
        assert!(allowed.header("access-control-allow-headers").contains(header), "{header}");
    }
    for origin in ["https://evil.example", "null", "https://portal.example.com.evil.example"] {
        let refused = preflight(&server, origin, "authorization").await;
        assert_eq!(refused.header("access-control-allow-origin"), "", "{origin}");
        let read = Answer::of(server.request(Method::GET, "/v2/streams").header("Origin", origin)).await;
        assert_eq!(read.header("access-control-allow-origin"), "", "{origin}");
        let change = server.request(Method::POST, "/v2/streams").header("Origin", origin);
        Answer::of(change).await.problem(403, "CROSS_ORIGIN");
    }
    let read = Answer::of(server.request(Method::GET, "/v2/streams").header("Origin", PORTAL)).await;
    assert_eq!(read.status, StatusCode::OK);
    for header in ["ratelimit", "retry-after", "x-request-id"] {
        assert!(read.header("access-control-expose-headers").contains(header), "{header}");
    }
}

#[tokio::test]
async fn credentials_are_allowed_to_listed_origins_alone() {
    let server = Server::start_with(|config| {
        config.http.cors_origins = vec![PORTAL.to_owned()];
        config.http.cors_credentials = true;
    })
    .await;
    let allowed = preflight(&server, PORTAL, "authorization").await;
    assert_eq!(allowed.header("access-control-allow-origin"), PORTAL);
    assert_eq!(allowed.header("access-control-allow-credentials"), "true");
    let refused = preflight(&server, "https://evil.example", "authorization").await;
    assert_eq!(refused.header("access-control-allow-origin"), "");
}
