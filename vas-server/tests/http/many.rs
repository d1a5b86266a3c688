//! Many devices: lists and states are quick beside twenty that run, a restart brings all back, and those that are dead
//! don't hold up the living.

use crate::support::{Server, camera, until};
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const OK: StatusCode = StatusCode::OK;
/// Devices of one request.
const CHUNK: usize = 500;

struct Form {
    devices: usize,
    running: usize,
    dead: usize,
    calls: usize,
}

async fn add_many(server: &Server, devices: impl Iterator<Item = Value>) -> Vec<String> {
    let devices: Vec<_> = devices.collect();
    let mut ids = Vec::new();
    for chunk in devices.chunks(CHUNK) {
        let result = server.post("/api/v1/devices/bulk", &json!(chunk)).await.expect(OK);
        assert_eq!(result["failed"], 0, "{result}");
        ids.extend(
            result["results"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()),
        );
    }
    ids
}

async fn timed(server: &Server, path: &str, calls: usize) -> Vec<Duration> {
    let mut times = Vec::with_capacity(calls);
    for _ in 0..calls {
        let started = Instant::now();
        server.get(path).await.expect(OK);
        times.push(started.elapsed());
    }
    times.sort();
    times
}

fn tell(what: &str, times: &[Duration]) {
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    println!("{what}: p50 {:.1} ms, p99 {:.1} ms, most {:.1} ms", at(0.5), at(0.99), at(1.0));
}

async fn live(server: &Server, wanted: usize) {
    until("all that live", async || {
        let list = server.get("/v2/streams?state=LIVE&limit=100").await.expect(OK);
        (list["pagination"]["total"].as_u64().unwrap() as usize >= wanted).then_some(())
    })
    .await;
}

async fn many(form: Form) {
    let Form { devices, running, dead, calls } = form;
    let mut server = Server::start_with(|config| {
        config.recording.mode = vas_server::config::RecordingMode::Off;
        config.limits.requests_per_minute = 0;
        config.limits.address_requests_per_minute = 0;
        config.limits.expensive_per_minute = 0;
        config.ingest.connect_timeout_seconds = 5;
    })
    .await;
    let camera = camera(None);
    let url = camera.url("main");
    let living =
        (0..running).map(|n| json!({ "name": format!("living {n}"), "rtsp_url": format!("{url}?{n}") }));
    let living = add_many(&server, living).await;
    let idle = (running..devices)
        .map(|n| json!({ "name": format!("idle {n}"), "rtsp_url": format!("rtsp://192.0.2.1/{n}") }));
    let started = Instant::now();
    add_many(&server, idle).await;
    println!("{} devices added in {:.1} s", devices - running, started.elapsed().as_secs_f64());
    for id in &living {
        server.start_stream(id).await;
    }
    live(&server, running).await;
    tell(
        &format!("list of {devices} devices, {running} run"),
        &timed(&server, "/api/v1/devices?limit=1000", calls).await,
    );
    let status = format!("/api/v1/devices/{}/status", living[0]);
    tell("status of one", &timed(&server, &status, calls).await);
    tell("list of streams", &timed(&server, "/v2/streams?limit=100", calls).await);

    // The dead first: whoever lives must not queue behind them.
    for id in &living {
        server.call(&format!("/api/v1/devices/{id}/stop-stream")).await.expect(OK);
    }
    // Whoever connects to one of these hosts waits for an answer until it gives up.
    let silent = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let dead = (0..dead).map(|n| {
        let url = format!("rtsp://127.0.{}.{}:{port}/{n}", 1 + n / 250, 1 + n % 250);
        json!({ "name": format!("dead {n}"), "rtsp_url": url })
    });
    for id in add_many(&server, dead).await {
        server.start_stream(&id).await;
    }
    let started = Instant::now();
    for id in &living {
        server.start_stream(id).await;
    }
    live(&server, running).await;
    println!(
        "{running} living cameras beside dead ones: all live after {:.1} s",
        started.elapsed().as_secs_f64()
    );

    let started = Instant::now();
    server.restart().await;
    let up = started.elapsed();
    live(&server, running).await;
    println!(
        "restart: answers after {:.1} s, all live after {:.1} s",
        up.as_secs_f64(),
        started.elapsed().as_secs_f64()
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_devices() {
    many(Form { devices: 200, running: 5, dead: 50, calls: 50 }).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "long form, see `make soak`"]
async fn a_thousand_devices() {
    many(Form { devices: 1_000, running: 20, dead: 1_000, calls: 500 }).await;
}
