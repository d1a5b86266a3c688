//! `/metrics`.

use crate::support::{Server, camera, until};
use reqwest::StatusCode;
use std::collections::HashSet;
use vas_core::Credentials;
use vas_server::config::AuthMode;

/// The value of a figure by its name and labels.
fn figure(text: &str, name: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
}

/// The format is held to by a reader of its own: every sample belongs to the family before it, and no line comes twice.
fn check(text: &str) {
    let (mut family, mut kind, mut seen) = (String::new(), String::new(), HashSet::new());
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, of_kind) = rest.split_once(' ').unwrap();
            assert!(seen.insert(format!("TYPE {name}")), "a family comes twice: {name}");
            (family, kind) = (name.to_owned(), of_kind.to_owned());
            assert_eq!(kind == "counter", family.ends_with("_total"), "{family} is a {kind}");
        } else if !line.starts_with('#') {
            let (sample, value) = line.rsplit_once(' ').unwrap();
            let name = sample.split('{').next().unwrap();
            let of_family = name == family
                || (kind == "histogram"
                    && ["_bucket", "_sum", "_count"].iter().any(|end| *name == format!("{family}{end}")));
            assert!(of_family, "{line} is not of {family}");
            assert!(value.parse::<f64>().is_ok(), "{line}");
            assert!(seen.insert(sample.to_owned()), "a sample comes twice: {line}");
        }
    }
}

#[tokio::test]
async fn figures_of_streams_requests_and_the_process() {
    let server = Server::start().await;
    let camera = camera(Some(Credentials::new("operator", "Figured7Secret")));
    let url = camera.url("main").replace("rtsp://", "rtsp://operator:Figured7Secret@");
    let device = server.add("Gate with \"quotes\"", &url).await;
    let stream = server.start_stream(&device).await;
    server.until_state(&stream, "LIVE").await;
    let text = until("media is counted", async || {
        let answer = server.get("/metrics").await;
        assert_eq!(answer.status, StatusCode::OK);
        assert!(answer.header("content-type").starts_with("text/plain; version=0.0.4"));
        let of_device = format!("{{device=\"{device}\"}}");
        let packets = figure(&answer.text, &format!("vas_ingest_packets_total{of_device}"))?;
        let recorded = figure(&answer.text, &format!("vas_recording_bytes_total{of_device}"))?;
        (packets > 0.0 && recorded > 0.0).then_some(answer.text)
    })
    .await;
    check(&text);
    assert_eq!(figure(&text, "vas_streams{state=\"live\"}"), Some(1.0));
    assert_eq!(figure(&text, "vas_recordings_active"), Some(1.0));
    for positive in [
        "process_resident_memory_bytes",
        "process_open_fds",
        "process_cpu_seconds_total",
        "vas_storage_free_bytes",
    ] {
        assert!(figure(&text, positive).is_some_and(|value| value > 0.0), "{positive}: {text}");
    }
    let started =
        "vas_http_requests_total{method=\"POST\",route=\"/api/v1/devices/{id}/start-stream\",status=\"200\"}";
    assert_eq!(figure(&text, started), Some(1.0));
    for hidden in ["Figured7Secret", "rtsp:", "127.0.0.1", "Gate", "quotes"] {
        assert!(!text.contains(hidden), "{hidden} stands in the figures");
    }
}

/// Whatever clients ask for, what they make up is no label.
#[tokio::test]
async fn labels_are_bounded() {
    let server = Server::start_with(|config| config.metrics.per_stream = false).await;
    for n in 0..50 {
        server.add(&format!("Camera {n}"), &format!("rtsp://192.0.2.1/{n}")).await;
        server.get(&format!("/made/up/{n}")).await;
        server.get(&format!("/v2/streams/made-up-{n}")).await;
    }
    let text = server.get("/metrics").await.text;
    check(&text);
    assert!(!text.contains("made-up") && !text.contains("made/up") && !text.contains("device="), "{text}");
    assert_eq!(
        figure(&text, "vas_http_requests_total{method=\"GET\",route=\"none\",status=\"404\"}"),
        Some(50.0)
    );
}

#[tokio::test]
async fn figures_need_a_permission_unless_anybody_may_read_them() {
    let closed = Server::start_with(|config| config.auth.mode = AuthMode::Required).await;
    assert_eq!(closed.get("/metrics").await.status, StatusCode::UNAUTHORIZED);
    let open = Server::start_with(|config| {
        config.auth.mode = AuthMode::Required;
        config.metrics.public = true;
    })
    .await;
    let answer = open.get("/metrics").await;
    assert_eq!(answer.status, StatusCode::OK);
    check(&answer.text);
}
