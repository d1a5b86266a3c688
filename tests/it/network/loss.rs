//! Random loss on a round trip of 100 ms: repairs bring back what is lost, and the picture goes on.

use super::figures::Figures;
use super::stage::{self, FPS, Stage, time};
use super::watcher::{Watcher, like_a_browser};
use super::{ONE_WAY, SOON};
use crate::chromium::{Browser, Page};
use crate::relay::{Direction, Link, Relay};
use crate::turn;
use crate::wait::until;
use anyhow::{Context, Result, ensure};
use futures_util::future::{join, join_all};
use std::time::Duration;

/// Shares of datagrams that are lost, in both directions.
const LOSSES: [f64; 2] = [0.01, 0.05];
/// Of what is lost, repairs bring back so much, and of the pictures at least so many are shown.
const REPAIRED: f64 = 0.95;
/// Seconds of standing still that are allowed in a minute, or in less.
const FROZEN_PER_MINUTE: f64 = 1.0;
/// The same in the short form: in the first seconds the SFU learns of the loss, and the viewer to wait for repairs.
const FROZEN_AT_FIRST: f64 = 1.0;
/// Pictures before it counts: the viewer has seen what the network is like.
const SETTLING: u64 = 3 * FPS as u64;

fn lossy(stage: &Stage, loss: f64) -> Result<Relay> {
    let relay = stage.relay((loss * 1_000.0) as u64)?;
    relay.set_both(Link { delay: ONE_WAY, loss, ..Link::default() });
    Ok(relay)
}

/// What is asked of every viewer.
fn judge(who: &str, loss: f64, relay: &Relay, figures: &Figures) -> Result<()> {
    let down = relay.counters(Direction::Down);
    println!(
        "{who} at {:.0} % loss: {figures} (the network lost {} of {})",
        loss * 100.0,
        down.lost,
        down.offered
    );
    ensure!(figures.lost > 0, "nothing was lost: {figures}");
    ensure!(figures.repaired_at_least(REPAIRED), "too little is repaired: {figures}");
    let minutes = figures.pictures as f64 / f64::from(FPS) / 60.0;
    let frozen = if minutes < 1.0 { FROZEN_AT_FIRST } else { FROZEN_PER_MINUTE * minutes };
    ensure!(figures.frozen < frozen, "the picture stands still: {figures}");
    Ok(())
}

/// Our own viewer, for so many pictures.
async fn own(stage: &Stage, loss: f64, pictures: u64) -> Result<()> {
    let relay = lossy(stage, loss)?;
    let mut watcher = Watcher::join(stage, &relay, like_a_browser()).await?;
    watcher.play(SETTLING, SOON).await?;
    let before = Figures::of_viewer(&watcher.viewer.stats());
    watcher.play(pictures, time(pictures) * 2).await?;
    watcher.viewer.finish_counting();
    // What was lost last has the time for a few repairs.
    watcher.live_for(Duration::from_secs(1)).await?;
    let stats = watcher.viewer.stats();
    ensure!(stats.rejected == 0, "{stats:?}");
    println!("own viewer: {:?} held back at the end", stats.held);
    judge("own viewer", loss, &relay, &Figures::of_viewer(&stats).since(&before))
}

/// Chromium, in a page that others share.
async fn chromium(stage: &Stage, page: &Page, loss: f64, pictures: u64) -> Result<()> {
    let relay = lossy(stage, loss)?;
    let (player, session) = stage.chromium(page, &format!("{loss}"), &relay).await?;
    player.first_frame_ms(SOON).await?;
    player.plays_on(SETTLING, SOON).await?;
    let produced = stage.producer.stats().frames;
    let before = Figures::of_chromium(&player.stats().await?);
    let mut last = before;
    let counted = until(time(pictures) * 2, "so many pictures", async || {
        last = Figures::of_chromium(&player.stats().await.ok()?);
        (last.pictures >= before.pictures + pictures).then_some(())
    });
    counted.await.with_context(|| format!("Chromium at {loss}: {last}"))?;
    let (produced, figures) = (stage.producer.stats().frames - produced, last.since(&before));
    // A packet that never comes costs all pictures up to the next key picture; Chromium does not tell those packets.
    ensure!(figures.pictures as f64 >= produced as f64 * REPAIRED, "{figures} of {produced}");
    println!("Chromium: the SFU counted {:?}", session.consumer().stats());
    judge("Chromium", loss, &relay, &figures)
}

async fn at_every_loss(seconds: u64) -> Result<()> {
    let _turn = turn::alone().await;
    let stage = Stage::start(stage::config())?;
    let browser = Browser::launch().await?;
    let page = browser.open("about:blank").await?;
    let pictures = seconds * u64::from(FPS);
    let browsers = join_all(LOSSES.map(|loss| chromium(&stage, &page, loss, pictures)));
    let own = join_all(LOSSES.map(|loss| own(&stage, loss, pictures)));
    // All of them are heard, so that a failure shows what the others saw.
    let (browsers, own) = join(browsers, own).await;
    browsers.into_iter().chain(own).collect::<Result<()>>()?;
    stage.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn is_repaired_for_20_s() -> Result<()> {
    at_every_loss(20).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "minutes; the long form of the test above"]
async fn is_repaired_for_two_minutes() -> Result<()> {
    at_every_loss(120).await
}
