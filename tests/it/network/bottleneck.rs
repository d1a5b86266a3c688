//! Behind a line that is too narrow for the camera's main stream: the sub stream comes instead, the picture goes on,
//! and the main stream comes back with the line.

use super::SOON;
use super::figures::Figures;
use super::stage::{self, FPS, Stage, time};
use super::watcher::{Watcher, like_a_browser};
use crate::chromium::{Browser, Page};
use crate::relay::{Bottleneck, Counters, Direction, Link, Relay};
use crate::turn;
use crate::wait::until;
use crate::whep::Whep;
use anyhow::{Context, Result, ensure};
use futures_util::future::join;
use std::time::Duration;
use vas_sfu::WhepSession;

/// Bits per second of the narrow line, with headers, and the time that its queue holds.
const RATE: u64 = 500_000;
const QUEUE: Duration = Duration::from_millis(200);
/// Time on the way, each way.
const DELAY: Duration = Duration::from_millis(20);
/// The main and the sub stream in the producer's order.
const MAIN: usize = 0;
const SUB: usize = 1;
/// Width of their pictures.
const WIDTHS: [u64; 2] = [640, 320];
/// The layer has fallen within this, and is back within that: more is given carefully.
const FALL: Duration = Duration::from_secs(15);
const RISE: Duration = Duration::from_secs(90);
/// Seconds of standing still that are allowed in each minute, the fall included.
const FROZEN_PER_MINUTE: f64 = 1.0;
/// The same in the short form, for the most part of which the layer has just fallen.
const FROZEN_AT_FIRST: f64 = 2.0;
/// What a join may offer to the line within any second, in seconds of the line.
const JOIN: f64 = 1.5;
/// Pictures by which a viewer has joined.
const JOINED: u64 = 5 * FPS as u64;
/// The share of a join's packets that the queue may drop.
const JOIN_DROPS: f64 = 0.05;

fn wide() -> Link {
    Link { delay: DELAY, ..Link::default() }
}

fn narrow() -> Link {
    Link { bottleneck: Some(Bottleneck::new(RATE, QUEUE)), ..wide() }
}

/// A network of its own for each viewer: nobody takes from another.
fn network(stage: &Stage, down: Link, seed: u64) -> Result<Relay> {
    let relay = stage.relay(seed)?;
    relay.set(Direction::Up, wide());
    relay.set(Direction::Down, down);
    Ok(relay)
}

/// The layer that a viewer gets now.
fn layer(session: &WhepSession) -> Option<usize> {
    session.consumer().watch_layers().borrow().current
}

/// Counts what happened while the line was narrow.
fn judge(who: &str, figures: &Figures, relay: &Relay) -> Result<()> {
    let Counters { offered, overflowed, queue_max, .. } = relay.counters(Direction::Down);
    println!("{who}: {figures}; the queue dropped {overflowed} of {offered}, {queue_max} bytes at most");
    let minutes = figures.pictures as f64 / f64::from(FPS) / 60.0;
    let frozen = if minutes < 1.0 { FROZEN_AT_FIRST } else { FROZEN_PER_MINUTE * minutes };
    ensure!(figures.frozen < frozen, "the picture stands still: {figures}");
    Ok(())
}

async fn own(stage: &Stage, pictures: u64) -> Result<()> {
    let relay = network(stage, wide(), 1)?;
    let mut watcher = Watcher::join(stage, &relay, like_a_browser()).await?;
    watcher.run(SOON, "the main stream", |watcher| layer(&watcher.session) == Some(MAIN)).await?;
    watcher.play(u64::from(FPS), SOON).await?;
    let before = Figures::of_viewer(&watcher.viewer.stats());

    relay.set(Direction::Down, narrow());
    watcher.run(FALL, "the sub stream", |watcher| layer(&watcher.session) == Some(SUB)).await?;
    watcher.play(pictures, SOON + time(pictures)).await?;
    ensure!(layer(&watcher.session) == Some(SUB), "the main stream came back although the line is narrow");
    judge("own viewer", &Figures::of_viewer(&watcher.viewer.stats()).since(&before), &relay)?;

    relay.set(Direction::Down, wide());
    watcher.run(RISE, "the main stream again", |watcher| layer(&watcher.session) == Some(MAIN)).await?;
    watcher.play(u64::from(FPS), SOON).await
}

async fn chromium(stage: &Stage, page: &Page, pictures: u64) -> Result<()> {
    let relay = network(stage, wide(), 2)?;
    let (player, session) = stage.chromium(page, "falls", &relay).await?;
    shows(&player, WIDTHS[MAIN], SOON).await?;
    player.plays_on(u64::from(FPS), SOON).await?;
    let before = Figures::of_chromium(&player.stats().await?);

    relay.set(Direction::Down, narrow());
    shows(&player, WIDTHS[SUB], FALL).await?;
    player.plays_on(pictures, SOON + time(pictures)).await?;
    ensure!(layer(&session) == Some(SUB), "the main stream came back although the line is narrow");
    judge("Chromium", &Figures::of_chromium(&player.stats().await?).since(&before), &relay)?;

    relay.set(Direction::Down, wide());
    shows(&player, WIDTHS[MAIN], RISE).await?;
    player.plays_on(u64::from(FPS), SOON).await
}

/// Waits until the pictures are so wide.
async fn shows(player: &Whep, width: u64, deadline: Duration) -> Result<()> {
    let what = format!("pictures {width} wide");
    let wide = async || (player.stats().await.ok()?["video"]["frameWidth"] == width).then_some(());
    until(deadline, &what, wide).await
}

async fn falls_and_comes_back(seconds: u64) -> Result<()> {
    let _turn = turn::alone().await;
    let stage = Stage::with_layers(stage::config())?;
    let browser = Browser::launch().await?;
    let page = browser.open("about:blank").await?;
    let pictures = seconds * u64::from(FPS);
    // Both are heard, so that a failure shows what the other saw.
    let (own, chromium) = join(own(&stage, pictures), chromium(&stage, &page, pictures)).await;
    own.and(chromium)?;
    stage.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_layer_falls_and_comes_back() -> Result<()> {
    falls_and_comes_back(20).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "minutes; the long form of the test above"]
async fn a_layer_falls_for_two_minutes_and_comes_back() -> Result<()> {
    falls_and_comes_back(120).await
}

/// Judges what a join brought to the line.
fn joined(who: &str, figures: &Figures, relay: &Relay) -> Result<()> {
    let down = relay.counters(Direction::Down);
    let second = down.busiest_second() as f64 * 8.0 / RATE as f64;
    println!(
        "{who}: {figures}; {second:.2} s of the line in the busiest second, {} of {} dropped, {} bytes waited",
        down.overflowed, down.offered, down.queue_max
    );
    ensure!(second < JOIN, "{who}: a second brought {second:.2} s of the line: {down:?}");
    ensure!((down.overflowed as f64) < JOIN_DROPS * down.offered as f64, "{who}: {down:?}");
    Ok(())
}

/// What a viewer can be started with takes the narrow line seconds, and comes no faster than it carries: to the first
/// viewers, of whose streams the SFU knows no rates yet, and to later ones.
#[tokio::test(flavor = "multi_thread")]
async fn a_join_does_not_flood_the_line() -> Result<()> {
    let _turn = turn::alone().await;
    let stage = Stage::with_layers(stage::config())?;
    let browser = Browser::launch().await?;
    let page = browser.open("about:blank").await?;
    for round in ["first", "later"] {
        stage.late_in_a_group().await?;
        let own = async {
            let relay = network(&stage, narrow(), 3)?;
            let mut watcher = Watcher::join(&stage, &relay, like_a_browser()).await?;
            let played = watcher.play(JOINED, SOON).await;
            joined("own viewer", &Figures::of_viewer(&watcher.viewer.stats()), &relay)?;
            played
        };
        let chromium = async {
            let relay = network(&stage, narrow(), 4)?;
            let (player, _session) = stage.chromium(&page, round, &relay).await?;
            let first = player.first_frame_ms(SOON).await?;
            println!("Chromium's first picture comes {first:.0} ms after its offer");
            let played = player.plays_on(JOINED, SOON).await;
            joined("Chromium", &Figures::of_chromium(&player.stats().await?), &relay)?;
            played
        };
        let (own, chromium) = join(own, chromium).await;
        own.and(chromium).with_context(|| format!("the {round} viewers"))?;
    }
    stage.stop().await
}
