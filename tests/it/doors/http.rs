//! `mediasoup-client` over the HTTP calls.

use super::{Door, nothing_uncaught};
use crate::gst_camera::{Audio, CameraOptions, GstCamera};
use crate::live::{page_of, synthetic, test_camera};
use crate::server::Server;
use crate::turn;
use crate::wait::until;
use anyhow::{Result, ensure};
use serde_json::json;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn mediasoup_client_plays_over_http() -> Result<()> {
    let _turn = turn::shared().await;
    let camera = test_camera(synthetic(50))?;
    let server = Server::start().await?;
    let stream = server.add_live("camera", &camera.url("cam")).await?.stream;
    let (_browser, page) = page_of(&server).await?;
    let door = Door::open(&page, "HttpDoor", &[&server.url("")]).await?;
    let place = door.watch(&[json!(stream)]).await?;
    let look = door.plays_on(place, 30, SOON).await?;
    ensure!(look.codec.as_deref() == Some("video/H264"), "{look:?}");
    ensure!(door.eval(".state()").await? == "connected");

    let list = server.get(&format!("v2/streams/{stream}/consumers")).await?;
    ensure!(list["active_consumers"] == 1 && list["consumers"][0]["state"] == "CONNECTED", "{list:#}");
    let shown = server.get(&format!("v2/streams/{stream}")).await?;
    ensure!(shown["consumers"] == json!({"count": 1, "active": 1}), "{shown:#}");
    door.eval(&format!(".end({place})")).await?;
    let list = server.get(&format!("v2/streams/{stream}/consumers")).await?;
    ensure!(list["active_consumers"] == 0 && list["consumers"][0]["state"] == "CLOSED", "{list:#}");
    nothing_uncaught(&page).await?;
    ensure!(server.stop().await, "the server stops by itself");
    Ok(())
}

/// Each picture moves on its own; one that is ended takes no other along.
#[tokio::test(flavor = "multi_thread")]
async fn several_cameras_play_over_one_transport() -> Result<()> {
    let _turn = turn::shared().await;
    let cameras = [test_camera(synthetic(50))?, test_camera(synthetic(25))?, test_camera(synthetic(100))?];
    let server = Server::start().await?;
    let (_browser, page) = page_of(&server).await?;
    let door = Door::open(&page, "HttpDoor", &[&server.url("")]).await?;
    let mut places = Vec::new();
    for (number, camera) in cameras.iter().enumerate() {
        let stream = server.add_live(&format!("camera {number}"), &camera.url("cam")).await?.stream;
        places.push(door.watch(&[json!(stream)]).await?);
    }
    for place in &places {
        door.plays_on(*place, 20, SOON).await?;
    }
    let transports = page.eval::<u64>(
        "performance.getEntriesByType('resource').filter((entry) => entry.name.endsWith('/connect')).length",
    );
    ensure!(transports.await? == 1, "one transport was connected");
    door.eval(&format!(".end({})", places[0])).await?;
    for place in &places[1..] {
        door.plays_on(*place, 20, SOON).await?;
    }
    nothing_uncaught(&page).await?;
    Ok(())
}

/// Sound over the transport of the pictures: as the camera sends it, or as Opus where browsers don't know the codec.
#[tokio::test(flavor = "multi_thread")]
async fn sound_plays_beside_pictures() -> Result<()> {
    let _turn = turn::shared().await;
    let server = Server::start().await?;
    let (_browser, page) = page_of(&server).await?;
    for (audio, codec) in [(Audio::Pcmu, "audio/PCMU"), (Audio::Aac, "audio/opus")] {
        let camera = GstCamera::start(CameraOptions { audio, ..CameraOptions::default() }).await?;
        let stream = server.add_live(codec, &camera.url()).await?.stream;
        let door = Door::open(&page, "HttpDoor", &[&server.url("")]).await?;
        let pictures = door.watch(&[json!(stream)]).await?;
        let sound = door.watch(&[json!(stream), json!("audio")]).await?;
        door.plays_on(pictures, 10, SOON).await?;
        let heard = until(SOON, "sound", async || {
            let look = door.look(sound).await.ok()?;
            (look.packets_received >= 50).then_some(look)
        });
        let look = heard.await?;
        ensure!(look.codec.as_deref() == Some(codec), "{look:?}");
        let shown = server.get(&format!("v2/streams/{stream}")).await?;
        ensure!(shown["consumers"]["count"] == 1, "one viewer: {shown:#}");
    }
    nothing_uncaught(&page).await
}
