//! A camera with a main and a sub stream: a viewer in Chromium gets the layer that fits.

use crate::live::page_of;
use crate::server::{Camera, Server};
use crate::turn;
use crate::wait::until;
use crate::whep::{PlayOptions, Whep};
use anyhow::{Context, Result, ensure};
use serde_json::json;
use std::net::SocketAddr;
use std::time::Duration;
use vas_ingest::camera::{CameraSource, SyntheticConfig, TestCamera, TestCameraConfig};

const SOON: Duration = Duration::from_secs(20);

/// A built-in camera: `/main` in 640x360 and `/sub` in 320x180, a key picture each second.
pub(crate) fn camera_with_layers() -> Result<TestCamera> {
    let mut config = TestCameraConfig::new(SocketAddr::from(([127, 0, 0, 1], 0)));
    for (path, width, height) in [("main", 640, 360), ("sub", 320, 180)] {
        let picture = SyntheticConfig { width, height, keyframe_interval: 25, ..SyntheticConfig::default() };
        config.sources.push((path.to_owned(), CameraSource::Synthetic(picture)));
    }
    Ok(TestCamera::start(config)?)
}

/// Adds the camera with both streams and waits until both are live.
pub(crate) async fn add(server: &Server, camera: &TestCamera) -> Result<Camera> {
    let (main, sub) = (camera.url("main"), camera.url("sub"));
    let device = json!({ "name": "layers", "rtsp_url": main, "sub_rtsp_url": sub });
    let device = server.post("api/v1/devices", &device).await?;
    let device = device["id"].as_str().context("a device has an id")?.to_owned();
    let started = server.post(&format!("api/v1/devices/{device}/start-stream"), &json!({})).await?;
    let stream = started["v2_stream_id"].as_str().context("a stream has an id")?.to_owned();
    let path = format!("v2/streams/{stream}/health");
    until(SOON, "both layers live", async || {
        let health = server.get(&path).await.ok()?;
        let layers = health["ingest"]["layers"].as_array()?;
        (layers.len() == 2 && layers.iter().all(|layer| layer["status"] == "LIVE")).then_some(())
    })
    .await?;
    Ok(Camera { stream })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_gets_the_layer_that_fits_its_size() -> Result<()> {
    let _turn = turn::shared().await;
    let camera = camera_with_layers()?;
    let server = Server::start().await?;
    let layers = add(&server, &camera).await?;
    let (_browser, page) = page_of(&server).await?;
    for (name, query, width) in [
        ("small", "?width=320&height=180", 320),
        ("large", "?width=640&height=360", 640),
        ("sub", "?layer=sub", 320),
        ("main", "?layer=main&width=320&height=180", 640),
    ] {
        let endpoint = format!("{}{query}", server.whep(&layers));
        let viewer = Whep::play(&page, name, &endpoint, PlayOptions::default()).await?;
        viewer.plays_on(25, SOON).await?;
        until(SOON, "the layer that fits", async || {
            let stats = viewer.stats().await.ok()?;
            (stats["video"]["frameWidth"] == width).then_some(())
        })
        .await
        .with_context(|| format!("{query} is to be {width} wide"))?;
        viewer.plays_on(25, SOON).await?;
        ensure!(viewer.close().await? == 200, "DELETE is answered with 200");
    }
    ensure!(server.stop().await, "the server stops by itself");
    Ok(())
}
