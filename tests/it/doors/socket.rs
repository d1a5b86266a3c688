//! The WebSocket: `mediasoup-client` and a plain RTCPeerConnection over it, and what the server tells.

use super::{Door, nothing_uncaught};
use crate::live::{page_of, synthetic, test_camera};
use crate::server::Server;
use crate::turn;
use crate::wait::until;
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(30);

/// Waits until nobody watches a stream.
async fn unwatched(server: &Server, stream: &str) -> Result<()> {
    let path = format!("v2/streams/{stream}");
    until(SOON, "the viewers are gone", async || {
        (server.get(&path).await.ok()?["consumers"]["count"] == 0).then_some(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn mediasoup_client_plays_over_a_socket() -> Result<()> {
    let _turn = turn::shared().await;
    let cameras = [test_camera(synthetic(50))?, test_camera(synthetic(25))?];
    let server = Server::start().await?;
    let first = server.add_live("first", &cameras[0].url("cam")).await?.stream;
    let second = server.add_live("second", &cameras[1].url("cam")).await?.stream;
    let (_browser, page) = page_of(&server).await?;
    let door = Door::open(&page, "SocketDoor", &[&server.url(""), &first]).await?;
    let here = door.watch(&[]).await?;
    let there = door.watch(&[json!({ "streamId": second })]).await?;
    for place in [here, there] {
        let look = door.plays_on(place, 20, SOON).await?;
        ensure!(look.codec.as_deref() == Some("video/H264"), "{look:?}");
    }

    // A paused picture stands; resumed, it moves again.
    door.eval(&format!(".ask('pauseConsumer', {here})")).await?;
    let stood = until(SOON, "a picture that stands", async || {
        let before = door.look(here).await.ok()?.packets_received;
        door.plays_on(there, 10, SOON).await.ok()?;
        (door.look(here).await.ok()?.packets_received == before).then_some(())
    });
    stood.await?;
    door.eval(&format!(".ask('resumeConsumer', {here})")).await?;
    door.plays_on(here, 20, SOON).await?;

    let room = server.get(&format!("ws/streams/{first}/connections")).await?;
    ensure!(room["connection_count"] == 1 && room["connections"][0]["consumers"] == 2, "{room:#}");
    door.eval(".signalling.socket.close()").await?;
    unwatched(&server, &first).await?;
    unwatched(&server, &second).await?;
    let room = server.get(&format!("ws/streams/{first}/connections")).await?;
    ensure!(room["connection_count"] == 0, "{room:#}");
    nothing_uncaught(&page).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_connection_plays_over_a_socket() -> Result<()> {
    let _turn = turn::shared().await;
    let camera = test_camera(synthetic(50))?;
    let server = Server::start().await?;
    let stream = server.add_live("camera", &camera.url("cam")).await?.stream;
    let (_browser, page) = page_of(&server).await?;
    let door = Door::open(&page, "PlainDoor", &[&server.url(""), &stream]).await?;
    let place = door.watch(&[]).await?;
    door.plays_on(place, 30, SOON).await?;
    let room = door.eval(".signalling.request('get_room_info')").await?;
    ensure!(room["stream_id"] == stream && room["connection_count"] == 1, "{room:#}");
    door.eval(".signalling.socket.close()").await?;
    unwatched(&server, &stream).await?;
    nothing_uncaught(&page).await?;
    Ok(())
}

/// A camera that fails, a stream that is stopped and one that is started again are told; the same socket then watches
/// the new producer.
#[tokio::test(flavor = "multi_thread")]
async fn a_socket_tells_what_becomes_of_its_stream() -> Result<()> {
    let _turn = turn::shared().await;
    let camera = test_camera(synthetic(25))?;
    let server = Server::start().await?;
    let live = server.add_live("camera", &camera.url("cam")).await?;
    let (_browser, page) = page_of(&server).await?;
    let door = Door::open(&page, "SocketDoor", &[&server.url(""), &live.stream]).await?;
    let place = door.watch(&[]).await?;
    door.plays_on(place, 10, SOON).await?;
    let consumer = door.eval(&format!(".consumers[{place}].id")).await?;

    server.post(&format!("api/v1/streams/{}/stop", live.stream), &json!({})).await?;
    let closed = door.event("producer_closed", SOON).await?;
    ensure!(closed["consumerIds"] == json!([consumer]) && closed["streamId"] == live.stream, "{closed:#}");
    let state = door.event("stream_state", SOON).await?;
    ensure!(state["state"] == "STOPPED" && state["previousState"] == "LIVE", "{state:#}");
    let refused = door.watch(&[]).await.expect_err("a stopped stream can't be watched").to_string();
    ensure!(refused.contains("STREAM_NOT_LIVE") && refused.contains("stopped"), "{refused}");

    server.post(&format!("api/v1/streams/{}/start", live.stream), &json!({})).await?;
    let new: Value = door.event("producer_new", SOON).await?;
    ensure!(new["producerId"] != closed["producerId"] && new["kind"] == "video", "{new:#}");
    server.wait_for_state(&live, "LIVE").await?;
    let producer = new["producerId"].as_str().context("an id")?;
    let place = door.watch(&[json!({ "producerId": producer })]).await?;
    door.plays_on(place, 10, SOON).await?;
    Ok(())
}
