//! Names and ids that would lead out of where they belong.

use super::raw::{exchange, status};
use crate::support::Server;
use serde_json::Value;

/// Ways to say "elsewhere", as they may stand in a path.
const ELSEWHERE: [&str; 14] = [
    "..",
    "../../../../etc/passwd",
    "..%2f..%2f..%2fetc%2fpasswd",
    "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "%252e%252e%252fetc%252fpasswd",
    "..%5c..%5cwindows",
    "..;/etc/passwd",
    "%2fetc%2fpasswd",
    "//etc/passwd",
    "name%00.ts",
    "%c0%ae%c0%ae%c0%af",
    "vas.db",
    "secret.key",
    "%27%20OR%201=1%20--",
];

/// The document of the API lists every route; each of their parameters is tried.
#[tokio::test]
async fn no_parameter_of_a_path_leads_elsewhere() {
    let server = Server::start().await;
    let device = server.add("Gate", "rtsp://192.0.2.1/1").await;
    let stream = server.start_stream(&device).await;
    let document = server.get("/openapi.json").await.json();
    let mut tried = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        let parts: Vec<_> = path.split('/').collect();
        for (place, _) in parts.iter().enumerate().filter(|(_, part)| part.starts_with('{')) {
            for method in methods.as_object().unwrap().keys().filter(|key| is_method(key)) {
                for text in ELSEWHERE {
                    let known = if path.contains("devices") { &device } else { &stream };
                    let fill = |(at, part): (usize, &&str)| match part.starts_with('{') {
                        true if at == place => text.to_owned(),
                        true => known.clone(),
                        false => (*part).to_owned(),
                    };
                    let target: Vec<_> = parts.iter().enumerate().map(fill).collect();
                    let target = target.join("/");
                    let method = method.to_uppercase();
                    let request = format!(
                        "{method} {target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                    );
                    let answer = exchange(&server, request.as_bytes()).await;
                    let code = status(&answer).unwrap_or_default();
                    // `..` may be taken as a segment that happens to be another route's, never as a way out.
                    assert!((400..500).contains(&code) || code == 204, "{method} {target}: {answer}");
                    assert!(
                        !answer.contains("root:") && !answer.contains("SQLite format"),
                        "{method} {target}"
                    );
                    tried += 1;
                }
            }
        }
    }
    assert!(tried > 500, "hardly anything was tried: {tried}");
    assert_eq!(server.get(&format!("/api/v1/devices/{device}")).await.status, 200, "nothing was touched");
}

fn is_method(key: &str) -> bool {
    ["get", "put", "post", "delete", "patch"].contains(&key)
}

/// The same for the paths of pages and their files, which are no routes with parameters.
#[tokio::test]
async fn no_file_outside_of_the_page_is_served() {
    let server = Server::start().await;
    for text in ELSEWHERE {
        for base in ["/", "/assets/", "/docs/"] {
            let request =
                format!("GET {base}{text} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
            let answer = exchange(&server, request.as_bytes()).await;
            assert!(!answer.contains("root:") && !answer.contains("SQLite format"), "{base}{text}: {answer}");
        }
    }
    assert_ne!(server.get("/health").await.json(), Value::Null);
}
