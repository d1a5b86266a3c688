//! A camera in the browser with nothing but vas-ingest and vas-sfu: the server in small.
//!
//! ```text
//! cargo run --release -p vas-examples --example camera_to_browser -- rtsp://user:password@10.0.0.5/main
//! ```
//!
//! Then open the address that it prints. Without an address it shows the built-in test camera.

#![expect(clippy::print_stdout, reason = "it tells the person who started it where to look")]

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use std::net::{Ipv4Addr, SocketAddr};
use vas_core::hub::StreamHub;
use vas_core::{StreamId, SystemClock, TaskScope};
use vas_ingest::camera::{CameraSource, SyntheticConfig, TestCamera, TestCameraConfig};
use vas_ingest::{IngestConfig, Source, Supervisor};
use vas_sfu::{Producer, Router, Sfu, SfuConfig};

/// The page: a WHEP player in a dozen lines.
const PAGE: &str = r#"<!doctype html><title>camera</title><body style="margin:0;background:#000">
<video id="v" autoplay muted playsinline style="width:100vw;height:100vh"></video>
<script type="module">
const pc = new RTCPeerConnection();
pc.addTransceiver('video', { direction: 'recvonly' });
pc.ontrack = ({ streams, track }) => v.srcObject = streams[0] ?? new MediaStream([track]);
await pc.setLocalDescription();
const answer = await fetch('/whep', { method: 'POST', body: pc.localDescription.sdp });
const sdp = await answer.text();
if (answer.ok) await pc.setRemoteDescription({ type: 'answer', sdp });
else document.body.textContent = sdp;
</script>"#;

#[derive(Clone)]
struct Viewers {
    router: Router,
    producer: Producer,
    scope: TaskScope,
}

async fn whep(State(viewers): State<Viewers>, offer: String) -> Response {
    match viewers.router.whep(&viewers.producer, &offer) {
        Ok((session, answer)) => {
            // The session lives as long as somebody holds it.
            viewers
                .scope
                .spawn("viewer", async move { println!("a viewer left: {}", session.closed().await) });
            (StatusCode::CREATED, [(header::CONTENT_TYPE, "application/sdp")], answer).into_response()
        }
        Err(error) => (StatusCode::CONFLICT, error.to_string()).into_response(),
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let (hub, scope, clock) = (StreamHub::default(), TaskScope::new(), SystemClock::shared());

    // The camera: the one given, or a synthetic one on an RTSP server of this process.
    let mut built_in = TestCameraConfig::new(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    built_in.sources.push(("cam".to_owned(), CameraSource::Synthetic(SyntheticConfig::default())));
    let (url, _camera) = match std::env::args().nth(1) {
        Some(url) => (url, None),
        None => {
            let camera = TestCamera::start(built_in)?;
            (camera.url("cam"), Some(camera))
        }
    };

    // RTSP to the hub.
    let source = Source::parse(StreamId::random(), "camera", &url)?;
    let stream = source.stream;
    let supervisor = Supervisor::new(hub.clone(), &scope, clock.clone(), IngestConfig::default());
    supervisor.start(source);

    // The hub to browsers.
    let sfu = Sfu::start(SfuConfig::on_port(0), &scope, clock)?;
    let router = sfu.create_router();
    let producer = router.produce(&hub, stream)?;
    let viewers = Viewers { router, producer, scope };
    let app = axum::Router::new()
        .route("/", get(|| async { Html(PAGE) }))
        .route("/whep", post(whep))
        .with_state(viewers);
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 8080)).await?;
    println!("open http://{}/", listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}
