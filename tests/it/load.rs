//! 200 viewers of one demo camera, as processes of their own: `vas-server demo` and `whep_load`.

use crate::ports;
use crate::process::{Process, built, run};
use crate::turn;
use crate::wait::until;
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::process::Command;
use std::time::Duration;

async fn load(viewers: u32, seconds: u32, size: &str) -> Result<()> {
    let _turn = turn::alone().await;
    let data = tempfile::tempdir()?;
    let (http, rtsp) = (ports::free_tcp()?, ports::free_tcp()?);
    let page = format!("http://127.0.0.1:{http}");
    let mut server = Command::new(built("vas-server")?);
    server
        .args(["demo", "--cameras", "1", "--size", size, "--media-port", "0"])
        .args(["--http-listen", &format!("127.0.0.1:{http}"), "--rtsp-port", &rtsp.to_string()])
        .arg("--data-dir")
        .arg(data.path());
    let server = Process::spawn("vas-server", server)?;
    let stream = until(Duration::from_secs(60), "a live demo camera", async || {
        let streams: Value = reqwest::get(format!("{page}/v2/streams")).await.ok()?.json().await.ok()?;
        let stream = &streams["streams"][0];
        (stream["state"] == "LIVE").then(|| stream["id"].as_str().map(str::to_owned))?
    })
    .await
    .with_context(|| server.tail())?;

    let mut generator = Command::new(built("examples/whep_load")?);
    generator
        .args(["--url", &format!("{page}/v2/streams/{stream}/whep"), "--json"])
        .args(["--viewers", &viewers.to_string(), "--seconds", &seconds.to_string()])
        .args(["--server-pid", &server.id().to_string()]);
    let report = run("whep_load", generator, Duration::from_secs(u64::from(seconds) + 120)).await?;
    let report: Value = serde_json::from_str(&report).with_context(|| report.clone())?;
    let (packets, server) = (&report["packets"], &report["server"]);
    println!(
        "{viewers} viewers for {seconds} s: {} packets received, {} lost; server {} s of CPU, {} us a packet, {} kB a \
         viewer; POST to connected p95 {} ms",
        packets["received"],
        packets["lost"],
        server["cpu_seconds"],
        server["cpu_us_per_packet"],
        server["rss_kb_per_viewer"],
        report["times_ms"]["connected"]["p95"],
    );
    ensure!(report["viewers"]["connected"] == viewers, "not every viewer connected: {report:#}");
    ensure!(report["packets"]["lost"] == 0, "packets were lost on loopback: {report:#}");
    Ok(())
}

/// The short form of `two_hundred_viewers_for_30_s`.
#[tokio::test(flavor = "multi_thread")]
async fn fifty_viewers() -> Result<()> {
    load(50, 10, "640x360").await
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_viewers_for_30_s() -> Result<()> {
    load(200, 30, "1280x720").await
}
