//! Cameras that fail and come back, and neighbours that do not notice.

use crate::gst_camera::{CameraOptions, GstCamera};
use crate::live::{page_of, synthetic, test_camera};
use crate::server::Server;
use crate::turn;
use crate::whep::{PlayOptions, Whep};
use anyhow::{Result, ensure};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(30);

/// The camera's process is killed and started again: the same page, with the same connection, plays on.
#[tokio::test(flavor = "multi_thread")]
async fn a_camera_that_is_killed_plays_on_in_the_same_page() -> Result<()> {
    let _turn = turn::shared().await;
    let mut camera = GstCamera::start(CameraOptions::default()).await?;
    let neighbour = test_camera(synthetic(50))?;
    let server = Server::start().await?;
    let live = server.add_live("camera", &camera.url()).await?;
    let beside = server.add_live("neighbour", &neighbour.url("cam")).await?;
    let (_browser, page) = page_of(&server).await?;
    let viewer = Whep::play(&page, "viewer", &server.whep(&live), PlayOptions::default()).await?;
    let watching = Whep::play(&page, "neighbour", &server.whep(&beside), PlayOptions::default()).await?;
    viewer.plays_on(20, SOON).await?;

    camera.kill();
    let health = server.wait_for_state(&live, "ERROR").await?;
    ensure!(health["last_error"].is_string() || health["last_error"].is_object(), "{health:#}");
    watching.plays_on(20, SOON).await?;
    camera.restart().await?;
    server.wait_for_state(&live, "LIVE").await?;
    viewer.plays_on(40, SOON).await?;

    let stats = viewer.stats().await?;
    ensure!(stats["connectionState"] == "connected", "{stats:#}");
    let lost = watching.stats().await?["video"]["packetsLost"].as_i64().unwrap_or(i64::MAX);
    ensure!(lost == 0, "the neighbour lost {lost} packets");
    Ok(())
}

/// The built-in camera cut off and resumed, as a network that breaks.
#[tokio::test(flavor = "multi_thread")]
async fn a_camera_that_is_cut_off_plays_on_in_the_same_page() -> Result<()> {
    let _turn = turn::shared().await;
    let camera = test_camera(synthetic(25))?;
    let server = Server::start().await?;
    let live = server.add_live("camera", &camera.url("cam")).await?;
    let (_browser, page) = page_of(&server).await?;
    let viewer = Whep::play(&page, "viewer", &server.whep(&live), PlayOptions::default()).await?;
    viewer.plays_on(20, SOON).await?;
    for _ in 0..2 {
        camera.stop().await;
        server.wait_for_state(&live, "ERROR").await?;
        camera.resume()?;
        server.wait_for_state(&live, "LIVE").await?;
        viewer.plays_on(30, SOON).await?;
    }
    Ok(())
}
