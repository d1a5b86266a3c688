//! Publishers over WHIP: Chromium and an encoder in OBS's manner, watched and judged.

mod dump;
mod encoder;
mod page;

use crate::chromium::{Browser, Page};
use crate::live::page_of;
use crate::relay::{Link, Relay};
use crate::server::{Camera, Server};
use crate::turn;
use crate::wait::until;
use crate::whep::{PlayOptions, Whep};
use anyhow::{Context, Result, ensure};
use encoder::Encoder;
use page::{PublishOptions, Publisher};
use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use vas_core::hub::StreamHub;
use vas_core::media::{AudioCodec, VideoCodec};
use vas_core::{StreamId, SystemClock, TaskScope};
use vas_sfu::whip::{PublishObserver, WhipConfig, WhipEnd, WhipServer};

const SOON: Duration = Duration::from_secs(30);

/// A device that waits for a publisher.
struct Device {
    id: String,
}

impl Device {
    async fn add(server: &Server, name: &str) -> Result<Self> {
        let device = json!({ "name": name, "rtsp_url": format!("whip://{name}") });
        let device = server.post("api/v1/devices", &device).await?;
        Ok(Self { id: device["id"].as_str().context("a device has an id")?.to_owned() })
    }

    fn whip(&self, server: &Server) -> String {
        server.url(&format!("v2/whip/{}", self.id))
    }

    /// Starts its stream, or tells of the one that runs.
    async fn start(&self, server: &Server) -> Result<Camera> {
        let started = server.post(&format!("api/v1/devices/{}/start-stream", self.id), &json!({})).await?;
        Ok(Camera { stream: started["v2_stream_id"].as_str().context("a stream has an id")?.to_owned() })
    }

    async fn stop(&self, server: &Server) -> Result<Value> {
        server.post(&format!("api/v1/devices/{}/stop-stream", self.id), &json!({})).await
    }
}

/// The states that a stream has gone through, the oldest first.
async fn states(server: &Server, camera: &Camera) -> Result<Vec<String>> {
    let answer = server.get(&format!("v2/streams/{}/transitions", camera.stream)).await?;
    let entries = answer["transitions"].as_array().with_context(|| format!("{answer:#}"))?;
    let mut states: Vec<_> =
        entries.iter().filter_map(|entry| entry["to"].as_str().map(str::to_owned)).collect();
    states.reverse();
    Ok(states)
}

fn options(codec: &'static str, audio: bool) -> PublishOptions {
    PublishOptions { codec, audio }
}

/// A page publishes in `codec`, another one watches; `audio` where sound is sent and heard.
async fn published_and_watched(codec: &'static str, audio: bool) -> Result<()> {
    let _turn = turn::shared().await;
    let server = Server::start().await?;
    let device = Device::add(&server, "phone").await?;
    let (browser, page) = page_of(&server).await?;
    let (publisher, trickled) =
        Publisher::publish(&page, &device.whip(&server), options(codec, audio)).await?;
    ensure!(trickled == 204, "the PATCH with candidates was answered with {trickled}");
    // Publishing has started the stream.
    let camera = device.start(&server).await?;
    server.wait_for_state(&camera, "LIVE").await?;

    let shown = server.get(&format!("v2/streams/{}", camera.stream)).await?;
    let name = codec.trim_start_matches("video/");
    ensure!(shown["codec_config"]["video"]["codec"] == name, "{shown:#}");
    ensure!(
        shown["codec_config"]["audio"]["codec"] == if audio { json!("opus") } else { Value::Null },
        "{shown:#}"
    );
    until(SOON, "the states", async || {
        let states = states(&server, &camera).await.ok()?;
        (states == ["INITIALIZING", "READY", "LIVE"]).then_some(())
    })
    .await?;

    let viewing = browser.open(&server.url("health")).await?;
    let play = PlayOptions { audio, ..PlayOptions::default() };
    let viewer = Whep::play(&viewing, "viewer", &server.whep(&camera), play).await?;
    let first = viewer.first_frame_ms(SOON).await?;
    viewer.plays_on(30, SOON).await?;
    if audio {
        // The fake microphone beeps once a second.
        let heard = until(SOON, "sound that is not silence", async || {
            let stats = viewer.stats().await.ok()?;
            stats["audio"]["totalAudioEnergy"].as_f64().filter(|energy| *energy > 0.0).map(drop)
        })
        .await;
        let stats = viewer.stats().await?;
        heard.with_context(|| format!("the viewer's sound: {:#}", stats["audio"]))?;
    }
    let stats = viewer.stats().await?;
    println!("{codec}: first picture {first:.0} ms after the WHEP POST, {}", stats["video"]["codec"]);

    ensure!(publisher.close().await? == 200, "DELETE is answered with 200");
    server.wait_for_state(&camera, "INITIALIZING").await?;
    ensure!(server.stop().await, "the server stops by itself");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn chromium_in_h264() -> Result<()> {
    published_and_watched("video/H264", false).await
}

#[tokio::test(flavor = "multi_thread")]
async fn chromium_in_h264_with_sound() -> Result<()> {
    published_and_watched("video/H264", true).await
}

#[tokio::test(flavor = "multi_thread")]
async fn chromium_in_vp8_with_sound() -> Result<()> {
    published_and_watched("video/VP8", true).await
}

#[tokio::test(flavor = "multi_thread")]
async fn chromium_in_av1_with_sound() -> Result<()> {
    published_and_watched("video/AV1", true).await
}

struct Unobserved;
impl PublishObserver for Unobserved {}

/// A page of a secure origin, without which there is no camera, and a WHIP server beside it.
async fn beside() -> Result<(Server, Browser, Page, StreamHub, WhipServer, TaskScope)> {
    let server = Server::start().await?;
    let (browser, page) = page_of(&server).await?;
    let (hub, scope) = (StreamHub::default(), TaskScope::new());
    let mut config = WhipConfig::default();
    config.media_timeout = Duration::from_secs(3);
    let whip = WhipServer::new(hub.clone(), config, &scope, SystemClock::shared());
    Ok((server, browser, page, hub, whip, scope))
}

/// What arrives in the hub is decoded by ffmpeg to the last picture; sound is Opus.
async fn decodes(codec: &'static str, expected: VideoCodec) -> Result<()> {
    let _turn = turn::shared().await;
    let (_server, _browser, page, hub, whip, scope) = beside().await?;
    let stream = StreamId::random();
    let (publisher, offer) = Publisher::offer(&page, options(codec, true)).await?;
    let (session, answer) = whip.publish(stream, &offer, Arc::new(Unobserved)).await?;
    publisher.accept(&answer).await?;
    until(SOON, "a key picture", async || hub.stats(stream)?.group_cached.then_some(())).await?;
    let units = dump::read(&hub, stream, 60).await?;
    let figures = dump::sound(&units)?;
    ensure!(figures["sounds"].as_u64() > Some(60), "{figures}");
    let desc = hub.describe(stream).context("it is published")?;
    let (video, audio) = (desc.video().context("pictures")?.1, desc.audio().context("sound")?.1);
    ensure!((video.codec, audio.codec) == (expected, AudioCodec::Opus), "{desc:?}");
    let (frames, width, height) = dump::decoded(&units, expected).await?;
    println!("{codec}: {figures}, {:?}, ffmpeg decodes {frames} of {width}x{height}", session.stats());
    ensure!(frames == 60, "ffmpeg decodes {frames} of 60");
    ensure!(units.iter().all(|unit| unit.lost_before == 0), "nothing is lost on this machine");

    // The group of pictures stays bounded, as key pictures are asked for.
    let mut keys = 0;
    let mut subscription = hub.subscribe(stream, vas_core::hub::StartAt::Next)?;
    while keys < 2 {
        let unit = tokio::time::timeout(SOON, subscription.next()).await.context("no key picture")??;
        keys += usize::from(unit.is_key());
    }
    // A smaller picture is a new format.
    publisher.scale(2).await?;
    until(SOON, "a smaller picture", async || {
        let desc = hub.describe(stream)?;
        (desc.video()?.1.width == (width / 2) as u32).then_some(())
    })
    .await?;
    session.close();
    ensure!(session.closed().await == WhipEnd::Closed);
    ensure!(!hub.stats(stream).context("the ring stays")?.published);
    until(SOON, "the publisher to hear of it", async || {
        let state = publisher.stats().await.ok()?["connectionState"].clone();
        (state != "connected").then_some(())
    })
    .await?;
    ensure!(scope.shutdown(Duration::from_secs(5)).await, "its tasks end");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn ffmpeg_decodes_h264() -> Result<()> {
    decodes("video/H264", VideoCodec::H264).await
}

#[tokio::test(flavor = "multi_thread")]
async fn ffmpeg_decodes_vp8() -> Result<()> {
    decodes("video/VP8", VideoCodec::Vp8).await
}

#[tokio::test(flavor = "multi_thread")]
async fn ffmpeg_decodes_av1() -> Result<()> {
    decodes("video/AV1", VideoCodec::Av1).await
}

/// At 5 % loss and 60 ms of round trip retransmissions heal nearly everything, and what they don't a key picture does.
#[tokio::test(flavor = "multi_thread")]
async fn through_a_lossy_network() -> Result<()> {
    let _turn = turn::shared().await;
    let (_server, _browser, page, hub, whip, _scope) = beside().await?;
    let stream = StreamId::random();
    let (publisher, offer) = Publisher::offer(&page, options("video/H264", true)).await?;
    let (session, answer) = whip.publish(stream, &offer, Arc::new(Unobserved)).await?;
    let relay = Relay::start(loopback_candidate(&answer)?, 7)?;
    publisher.accept(&relay.rewrite(&answer)).await?;
    until(SOON, "a key picture", async || hub.stats(stream)?.group_cached.then_some(())).await?;
    relay.set_both(Link { loss: 0.05, delay: Duration::from_millis(30), ..Link::default() });
    let units = dump::read(&hub, stream, 300).await?;
    let stats = session.stats();
    let sent = publisher.stats().await?;
    let resent = sent["video"]["retransmittedPacketsSent"].as_u64().context("retransmissions are counted")?;
    println!("5 % loss, 60 ms: {stats:?}, {resent} retransmitted, {}", dump::sound(&units)?);
    ensure!(resent > 0, "{sent:#}");
    let (mut pictures, mut missing) = (0, 0);
    for unit in units.iter().filter(|unit| unit.is_video()) {
        (pictures, missing) = (pictures + 1, missing + unit.lost_before);
    }
    ensure!(missing * 20 < pictures, "{missing} packets were never recovered in {pictures} pictures");
    let (frames, ..) = dump::decoded(&units, VideoCodec::H264).await?;
    ensure!(frames == u64::from(pictures), "ffmpeg decodes {frames} of {pictures}");
    Ok(())
}

/// Where an answer says that media is received on this machine alone.
fn loopback_candidate(answer: &str) -> Result<SocketAddr> {
    let address = |line: &str| {
        let mut words = line.strip_prefix("a=candidate:")?.split(' ').skip(4);
        Some(SocketAddr::new(words.next()?.parse().ok()?, words.next()?.parse().ok()?))
    };
    let mut found = answer.lines().filter_map(address);
    found
        .find(|address| address.ip() == Ipv4Addr::LOCALHOST)
        .with_context(|| format!("no loopback in {answer}"))
}

/// A stream goes on through the restart of ICE of its publisher.
#[tokio::test(flavor = "multi_thread")]
async fn ice_restarts() -> Result<()> {
    let _turn = turn::shared().await;
    let server = Server::start().await?;
    let device = Device::add(&server, "phone").await?;
    let (_browser, page) = page_of(&server).await?;
    let (publisher, _) =
        Publisher::publish(&page, &device.whip(&server), options("video/H264", false)).await?;
    let camera = device.start(&server).await?;
    server.wait_for_state(&camera, "LIVE").await?;
    ensure!(publisher.trickle("\"another\"").await? == 412, "a foreign tag is refused");
    let status = publisher.restart().await?;
    ensure!(status == 200, "the restart was answered with {status}");
    let packets = |stats: &Value| stats["video"]["packetsSent"].as_u64().unwrap_or_default();
    let units = async || {
        let health = server.get(&format!("v2/streams/{}/health", camera.stream)).await.ok()?;
        health["ingest"]["health"]["units"].as_u64()
    };
    let (sent, before) = (packets(&publisher.stats().await?), units().await.context("units")?);
    until(SOON, "media after the restart", async || {
        let stats = publisher.stats().await.ok()?;
        (stats["connectionState"] == "connected"
            && packets(&stats) > sent + 50
            && units().await? > before + 30)
            .then_some(())
    })
    .await?;
    let health = server.get(&format!("v2/streams/{}/health", camera.stream)).await?;
    ensure!(health["state"] == "LIVE", "{health:#}");
    Ok(())
}

/// OBS's manner, and everything that a device with a publisher answers.
#[tokio::test(flavor = "multi_thread")]
async fn an_encoder_publishes_and_comes_back() -> Result<()> {
    let _turn = turn::shared().await;
    let server = Server::start().await?;
    let device = Device::add(&server, "encoder").await?;
    let camera = device.start(&server).await?;
    server.wait_for_state(&camera, "INITIALIZING").await?;
    let url = device.whip(&server);
    let encoder = Encoder::publish(&url).await?;
    server.wait_for_state(&camera, "LIVE").await?;
    let taken = Encoder::publish(&url).await.err().context("a second publisher is refused")?;
    ensure!(taken.to_string().contains("409"), "{taken:#}");

    let (_browser, page) = page_of(&server).await?;
    let viewer = Whep::play(&page, "viewer", &server.whep(&camera), PlayOptions::default()).await?;
    viewer.plays_on(20, SOON).await?;
    ensure!(encoder.close().await? == 200, "DELETE is answered with 200");
    server.wait_for_state(&camera, "INITIALIZING").await?;

    // The viewer stays and sees the next one.
    let encoder = Encoder::publish(&url).await?;
    viewer.plays_on(20, SOON).await?;
    // One that falls silent is an error, and its place is free for the next.
    encoder.fall_silent();
    let health = server.wait_for_state(&camera, "ERROR").await?;
    ensure!(health["last_error"].as_str().is_some_and(|why| why.contains("sends no pictures")), "{health:#}");
    encoder.vanish().await?;
    let encoder = Encoder::publish(&url).await?;
    server.wait_for_state(&camera, "LIVE").await?;
    viewer.plays_on(20, SOON).await?;

    // Stopping the stream ends its publisher, who stays out until it is started again.
    device.stop(&server).await?;
    let refused = until(SOON, "the end of the session", async || {
        let refused = Encoder::publish(&url).await.err()?.to_string();
        refused.contains("stopped").then_some(refused)
    });
    ensure!(refused.await?.contains("409"));
    encoder.vanish().await?;
    device.start(&server).await?;
    let encoder = until(SOON, "publishing again", async || Encoder::publish(&url).await.ok()).await?;
    server.wait_for_state(&camera, "LIVE").await?;
    encoder.vanish().await?;
    ensure!(server.stop().await, "the server stops by itself");
    Ok(())
}

/// Every refusal of the door.
#[tokio::test(flavor = "multi_thread")]
async fn refusals() -> Result<()> {
    let _turn = turn::shared().await;
    let server = Server::start().await?;
    let device = Device::add(&server, "door").await?;
    let camera = json!({ "name": "camera", "rtsp_url": "rtsp://127.0.0.1:9/1" });
    let rtsp = server.post("api/v1/devices", &camera).await?["id"].as_str().context("an id")?.to_owned();
    let url = device.whip(&server);
    let client = reqwest::Client::new();
    let post = async |url: &str, kind: &str, body: String| -> Result<(u16, Value)> {
        let send = || client.post(url).header("Content-Type", kind).body(body.clone()).send();
        // A refusal may come, and the connection go, while the body is still on its way.
        let response = match send().await {
            Err(error) if error.is_request() => send().await?,
            answered => answered?,
        };
        let status = response.status().as_u16();
        ensure!(response.headers()["content-type"] == "application/problem+json", "{status}");
        Ok((status, response.json().await?))
    };
    let (_browser, page) = page_of(&server).await?;
    let (_, offer) = Publisher::offer(&page, options("video/VP8", false)).await?;
    let sdp = "application/sdp";
    let unknown = server.url("v2/whip/00000000-0000-4000-8000-000000000000");
    for (url, kind, body, status, error) in [
        (&url, sdp, "no SDP".to_owned(), 400, "INVALID_SDP"),
        (&url, sdp, "x".repeat(65_537), 413, "PAYLOAD_TOO_LARGE"),
        (&url, "application/json", "{}".to_owned(), 415, "UNSUPPORTED_MEDIA_TYPE"),
        (&unknown, sdp, offer.clone(), 404, "NOT_FOUND"),
        (&server.url(&format!("v2/whip/{rtsp}")), sdp, offer.clone(), 409, "CONFLICT"),
        (&url, sdp, offer.replace("VP8", "VP9"), 406, "NO_COMMON_CODEC"),
        (&url, sdp, offer.replace("a=sendonly", "a=recvonly"), 406, "NO_COMMON_CODEC"),
    ] {
        let (got, problem) = post(url, kind, body).await?;
        ensure!((got, problem["error"].as_str()) == (status, Some(error)), "{got} {problem:#}");
    }
    let options = client.request(reqwest::Method::OPTIONS, &url).send().await?;
    ensure!(options.headers()["accept-post"] == sdp, "{options:?}");
    ensure!(client.delete(format!("{url}/unknown")).send().await?.status() == 404);
    // A publisher's address is one that a device may have; there is nothing to try before it comes.
    let valid = server.post("api/v1/devices/validate", &json!({ "rtsp_url": "whip://anything" })).await?;
    ensure!(valid["valid"] == true, "{valid:#}");
    let invalid = server.post("api/v1/devices/validate", &json!({ "rtsp_url": "whip://a/b" })).await?;
    ensure!(invalid["valid"] == false, "{invalid:#}");
    Ok(())
}

/// A page that just closes leaves the stream waiting for the next publisher; without If-Match nothing is patched.
#[tokio::test(flavor = "multi_thread")]
async fn a_publisher_that_closes_its_page() -> Result<()> {
    let _turn = turn::shared().await;
    let server = Server::start().await?;
    let device = Device::add(&server, "phone").await?;
    let (_browser, page) = page_of(&server).await?;
    let (publisher, _) =
        Publisher::publish(&page, &device.whip(&server), options("video/VP8", false)).await?;
    let camera = device.start(&server).await?;
    server.wait_for_state(&camera, "LIVE").await?;
    let patch = reqwest::Client::new()
        .patch(publisher.session().await?)
        .header("Content-Type", "application/trickle-ice-sdpfrag")
        .body("a=ice-ufrag:else\r\na=ice-pwd:somebodyelsessecretpassword\r\n");
    ensure!(patch.send().await?.status() == 428, "a restart needs If-Match");
    page.close().await?;
    until(SOON, "the publisher's end", async || {
        let health = server.get(&format!("v2/streams/{}/health", camera.stream)).await.ok()?;
        (health["state"] != "LIVE").then_some(())
    })
    .await
}
