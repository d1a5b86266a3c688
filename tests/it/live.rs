//! Cameras in Chromium: every kind of source, decoded and moving, and how soon.

use crate::chromium::{Browser, Page};
use crate::gst_camera::{BPictures, CameraOptions, GstCamera, Transport, Video};
use crate::media::{MediaDir, Mp4Options};
use crate::server::Server;
use crate::turn;
use crate::whep::{PlayOptions, Whep};
use anyhow::{Context, Result, ensure};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use vas_ingest::camera::{CameraSource, SyntheticConfig, TestCamera, TestCameraConfig};

const SOON: Duration = Duration::from_secs(20);
/// Pictures behind by less are at the live edge.
const LIVE_EDGE_MS: f64 = 150.0;
/// Viewers that join one after another for the times of joining.
const JOINS: usize = 12;

/// A built-in camera with one source at `/cam`.
pub(crate) fn test_camera(source: CameraSource) -> Result<TestCamera> {
    let mut config = TestCameraConfig::new(SocketAddr::from(([127, 0, 0, 1], 0)));
    config.sources.push(("cam".to_owned(), source));
    Ok(TestCamera::start(config)?)
}

/// The synthetic picture with a key picture every `keyframe_interval` frames, 25 a second.
pub(crate) fn synthetic(keyframe_interval: u32) -> CameraSource {
    CameraSource::Synthetic(SyntheticConfig { keyframe_interval, ..SyntheticConfig::default() })
}

/// Plays a camera by its URL in a fresh server and browser until it moves.
async fn plays(rtsp_url: &str) -> Result<()> {
    let server = Server::start().await?;
    let camera = server.add_live("camera", rtsp_url).await?;
    let (_browser, page) = page_of(&server).await?;
    let viewer = Whep::play(&page, "viewer", &server.whep(&camera), PlayOptions::default()).await?;
    let first = viewer.first_frame_ms(SOON).await?;
    viewer.plays_on(30, SOON).await?;
    let stats = viewer.stats().await?;
    ensure!(stats["video"]["frameWidth"] == 640, "{stats:#}");
    let health = server.get(&format!("v2/streams/{}/health", camera.stream)).await?;
    ensure!(health["metrics"]["fps"].as_f64().is_some_and(|fps| fps > 10.0), "{health:#}");
    println!("first picture {first:.0} ms after the POST");
    ensure!(viewer.close().await? == 200, "DELETE is answered with 200");
    ensure!(server.stop().await, "the server stops by itself");
    Ok(())
}

/// A page of the server's origin that shows nothing itself.
pub(crate) async fn page_of(server: &Server) -> Result<(Browser, Page)> {
    let browser = Browser::launch().await?;
    let page = browser.open(&server.url("health")).await?;
    Ok((browser, page))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_synthetic_camera() -> Result<()> {
    let _turn = turn::shared().await;
    let camera = test_camera(synthetic(50))?;
    plays(&camera.url("cam")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replayed_file() -> Result<()> {
    let _turn = turn::shared().await;
    let media = MediaDir::new()?;
    let file =
        media.mp4("loop.mp4", Mp4Options { seconds: 4, b_pictures: 0, ..Mp4Options::default() }).await?;
    let camera = test_camera(CameraSource::File(file))?;
    plays(&camera.url("cam")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replayed_file_with_b_pictures() -> Result<()> {
    let _turn = turn::shared().await;
    let media = MediaDir::new()?;
    let file =
        media.mp4("loop.mp4", Mp4Options { seconds: 4, b_pictures: 2, ..Mp4Options::default() }).await?;
    let camera = test_camera(CameraSource::File(file))?;
    plays(&camera.url("cam")).await
}

async fn gstreamer(options: CameraOptions) -> Result<()> {
    let _turn = turn::shared().await;
    let camera = GstCamera::start(options).await?;
    plays(&camera.url()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn gstreamer_over_tcp() -> Result<()> {
    gstreamer(CameraOptions { transport: Transport::Tcp, ..CameraOptions::default() }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn gstreamer_over_udp() -> Result<()> {
    gstreamer(CameraOptions { transport: Transport::Udp, ..CameraOptions::default() }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn gstreamer_in_high_profile() -> Result<()> {
    gstreamer(CameraOptions { video: Video::High, ..CameraOptions::default() }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn gstreamer_with_b_pictures() -> Result<()> {
    gstreamer(CameraOptions {
        video: Video::High,
        b_pictures: BPictures::Plain(2),
        ..CameraOptions::default()
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn gstreamer_replaying_a_file() -> Result<()> {
    let media = MediaDir::new()?;
    let options = Mp4Options { seconds: 4, b_pictures: 0, ..Mp4Options::default() };
    let file: PathBuf = media.mp4("loop.mp4", options).await?;
    gstreamer(CameraOptions { video: Video::File(file), ..CameraOptions::default() }).await
}

/// With a key picture every 4 s only, viewers start from the cached group at once.
#[tokio::test(flavor = "multi_thread")]
async fn gstreamer_with_a_key_picture_every_4_s() -> Result<()> {
    let _turn = turn::alone().await;
    let camera = GstCamera::start(CameraOptions { gop: 100, fps: 25, ..CameraOptions::default() }).await?;
    let server = Server::start().await?;
    let live = server.add_live("long groups", &camera.url()).await?;
    let (_browser, page) = page_of(&server).await?;
    let mut first = Vec::new();
    for n in 0..JOINS {
        let name = format!("viewer-{n}");
        let viewer = Whep::play(&page, &name, &server.whep(&live), PlayOptions::default()).await?;
        first.push(viewer.first_frame_ms(SOON).await?);
        viewer.plays_on(5, SOON).await?;
        viewer.close().await?;
    }
    println!("key picture every 4 s, gst-rtsp-server: first picture {}", percentiles(&mut first));
    // Waiting for a key picture would take 2 s on average; that all of twelve were lucky is out of the question.
    ensure!(
        first.iter().filter(|ms| **ms < 1_500.0).count() > JOINS * 3 / 4,
        "viewers wait for a key picture: {first:?}"
    );
    Ok(())
}

/// The same with the built-in camera, whose pictures tell when they were captured: when is a viewer at the live edge,
/// and how far behind reality is it then?
#[tokio::test(flavor = "multi_thread")]
async fn joining_reaches_the_live_edge() -> Result<()> {
    let _turn = turn::alone().await;
    let camera = test_camera(synthetic(100))?;
    let server = Server::start().await?;
    let live = server.add_live("long groups", &camera.url("cam")).await?;
    let (_browser, page) = page_of(&server).await?;
    let (mut first, mut at_edge, mut lag) = (Vec::new(), Vec::new(), Vec::new());
    for n in 0..JOINS {
        let name = format!("viewer-{n}");
        let options = PlayOptions { stamps: true, ..PlayOptions::default() };
        let viewer = Whep::play(&page, &name, &server.whep(&live), options).await?;
        first.push(viewer.first_frame_ms(SOON).await?);
        // More pictures than the cached group holds, so that the last ones are live ones.
        viewer.plays_on(110, SOON).await?;
        let frames = viewer.frames().await?;
        let stamped: Vec<_> = frames.iter().filter_map(|frame| Some((frame.t, frame.stamp?))).collect();
        ensure!(stamped.len() > frames.len() * 9 / 10, "the strip can be read from decoded pictures");
        ensure!(stamped.windows(2).all(|pair| pair[0].1.frame <= pair[1].1.frame), "pictures run backwards");
        let edge = stamped.iter().find(|(_, stamp)| stamp.lag_ms < LIVE_EDGE_MS);
        at_edge.push(edge.context("the viewer never reached the live edge")?.0);
        lag.extend(stamped.iter().rev().take(25).map(|(_, stamp)| stamp.lag_ms));
        viewer.close().await?;
    }
    println!("key picture every 4 s, built-in camera: first picture {}", percentiles(&mut first));
    println!(
        "  at the live edge (less than {LIVE_EDGE_MS} ms behind the camera) {}",
        percentiles(&mut at_edge)
    );
    println!("  from capture to screen, steady {}", percentiles(&mut lag));
    Ok(())
}

fn percentiles(values: &mut [f64]) -> String {
    values.sort_by(f64::total_cmp);
    let at = |share: f64| values[((values.len() - 1) as f64 * share).round() as usize];
    format!("p50 {:.0} ms, p95 {:.0} ms, max {:.0} ms", at(0.5), at(0.95), at(1.0))
}
