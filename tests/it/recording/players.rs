//! hls.js in Chromium (`tests/browser/hls.js`) plays the low-latency form and recorded ranges.

use super::{SOON, recorded, rfc3339, stretches};
use crate::bundle::bundle;
use crate::chromium::Page;
use crate::live::{page_of, synthetic, test_camera};
use crate::server::Server;
use crate::turn;
use crate::wait::until;
use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

/// How long the camera is away.
const OUTAGE: Duration = Duration::from_secs(2);

/// What a player shows.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Look {
    pub(super) frames: u64,
    pub(super) current_time: f64,
    duration: Option<f64>,
    pub(super) width: u32,
    pub(super) ended: bool,
    pub(super) behind: Option<f64>,
    /// Bytes of sound that were decoded.
    pub(super) audio_bytes: u64,
    /// Times that playing waited for media after it had begun.
    pub(super) stalls: u32,
    parts: bool,
    errors: Vec<Value>,
    /// For the reader of a failed test.
    #[expect(dead_code, reason = "printed by Debug")]
    state: String,
}

pub(super) struct Player<'a>(&'a Page);

impl<'a> Player<'a> {
    pub(super) async fn play(page: &'a Page, url: &str) -> Result<Self> {
        let script = bundle("hls.js")?;
        page.eval::<Value>(&format!("void (() => {{ {script} window.player = new HlsPlayer(); }})()"))
            .await?;
        page.eval::<Value>(&format!("void player.play({})", json!(url))).await?;
        Ok(Self(page))
    }

    pub(super) async fn look(&self) -> Result<Look> {
        self.0.eval("player.look()").await
    }

    /// Waits until it looks as wanted.
    pub(super) async fn shows(&self, what: &str, wanted: impl Fn(&Look) -> bool) -> Result<Look> {
        let found = until(SOON, what, async || self.look().await.ok().filter(|look| wanted(look))).await;
        match found {
            Ok(look) => Ok(look),
            Err(error) => Err(error.context(format!("{:?}", self.look().await))),
        }
    }

    async fn seek(&self, seconds: f64) -> Result<()> {
        self.0.eval::<Value>(&format!("void player.seek({seconds})")).await.map(drop)
    }

    /// Plays another rendition from the next segment on: 0 is the one with the lowest rate.
    pub(super) async fn change_to(&self, level: u32) -> Result<()> {
        self.0.eval::<Value>(&format!("void player.changeTo({level})")).await.map(drop)
    }

    pub(super) fn no_fatal(look: &Look) -> Result<()> {
        let fatal: Vec<_> = look.errors.iter().filter(|error| error["fatal"] == true).collect();
        ensure!(fatal.is_empty(), "{fatal:?}");
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_low_latency_form_is_close_to_the_camera() -> Result<()> {
    let _turn = turn::alone().await;
    let camera = test_camera(synthetic(25))?;
    // Live HLS needs no recording.
    let server =
        Server::start_with(|config| config.recording.mode = vas_server::config::RecordingMode::Off).await?;
    let live = server.add_live("gate", &camera.url("cam")).await?;
    let (_browser, page) = page_of(&server).await?;
    let player =
        Player::play(&page, &server.url(&format!("v2/streams/{}/hls/index.m3u8", live.stream))).await?;
    let first = player.shows("pictures", |look| look.frames > 10).await?;
    ensure!(first.width == 640, "{first:?}");
    let later =
        player.shows("pictures in parts", |look| look.frames > first.frames + 250 && look.parts).await?;
    Player::no_fatal(&later)?;
    println!("low-latency HLS: {:.2} s behind the camera", later.behind.context("a playing date")?);
    ensure!(server.stop().await);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorded_range_is_played_sought_and_crossed_at_a_gap() -> Result<()> {
    let _turn = turn::shared().await;
    let camera = test_camera(synthetic(25))?;
    let server = Server::start().await?;
    let live = server.add_live("gate", &camera.url("cam")).await?;
    let (start, _) = recorded(&server, &live, 5).await?;
    camera.stop().await;
    server.wait_for_state(&live, "ERROR").await?;
    tokio::time::sleep(OUTAGE).await;
    camera.resume()?;
    server.wait_for_state(&live, "LIVE").await?;
    let all = until(SOON, "a second stretch", async || {
        let all = stretches(&server, &live).await.ok()?;
        (all.len() >= 2 && all[1].1 - all[1].0 > 5_000_000).then_some(all)
    })
    .await?;
    let gap = all[1].0 - all[0].1;
    ensure!(gap > 500_000, "there is no gap: {all:?}");
    let end = all[1].0 + 5_000_000;

    let (_browser, page) = page_of(&server).await?;
    let query = format!("start={}&end={}", rfc3339(start), rfc3339(end));
    let url = server.url(&format!("v2/streams/{}/playback.m3u8?{query}", live.stream));
    let player = Player::play(&page, &url).await?;
    let playing = player.shows("pictures", |look| look.frames > 10).await?;
    let length = playing.duration.context("a length")?;
    let recorded = (end - start - gap) as f64 / 1e6;
    ensure!((length - recorded).abs() < 2.5, "{length} s of {recorded} s are played");
    // Just before the gap, and over it to the end.
    player.seek((all[0].1 - start) as f64 / 1e6 - 1.0).await?;
    let sought = player.shows("the end", |look| look.ended).await?;
    Player::no_fatal(&sought)?;
    ensure!(sought.current_time > length - 0.5, "{sought:?}");
    ensure!(sought.frames > 100, "{} pictures were shown", sought.frames);
    // And back.
    player.seek(0.5).await?;
    player.shows("the start again", |look| !look.ended && look.current_time < 2.5).await?;
    ensure!(server.stop().await);
    Ok(())
}
