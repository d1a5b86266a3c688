//! Main and sub stream as renditions of one live playlist: one timeline, so that a player may change between them.

use super::players::Player;
use crate::layers::{add, camera_with_layers};
use crate::live::page_of;
use crate::server::Server;
use crate::turn;
use anyhow::{Context, Result, ensure};

/// How far the times of one moment may lie apart, in seconds: two pictures.
const TOGETHER: f64 = 0.080;

/// What a media playlist tells of its newest whole segment: its discontinuity number, when it began, and the decoding time
/// of its first picture, both in seconds.
async fn newest(server: &Server, folder: &str, playlist: &str) -> Result<(u64, f64, f64)> {
    let text =
        reqwest::get(server.url(&format!("{folder}{playlist}"))).await?.error_for_status()?.text().await?;
    let tag = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
    let discontinuity = tag("#EXT-X-DISCONTINUITY-SEQUENCE:").context("a discontinuity sequence")?.parse()?;
    let (mut date, mut found) = (None, None);
    for line in text.lines() {
        if let Some(time) = line.strip_prefix("#EXT-X-PROGRAM-DATE-TIME:") {
            date = Some(super::micros(time)? as f64 / 1e6);
        } else if !line.starts_with('#') {
            found = date.map(|date| (date, line.to_owned()));
        }
    }
    let (date, name) = found.context("a segment")?;
    let segment =
        reqwest::get(server.url(&format!("{folder}{name}"))).await?.error_for_status()?.bytes().await?;
    // The first `tfdt` is that of the pictures: version 1, 64 bits, in ticks of 90 kHz.
    let at = segment.windows(4).position(|kind| kind == b"tfdt").context("a tfdt")? + 8;
    let ticks = u64::from_be_bytes(segment.get(at..at + 8).context("a time")?.try_into()?);
    Ok((discontinuity, date, ticks as f64 / 90_000.0))
}

#[tokio::test(flavor = "multi_thread")]
async fn they_have_one_timeline_and_a_player_changes_between_them() -> Result<()> {
    let _turn = turn::alone().await;
    let camera = camera_with_layers()?;
    let server = Server::start().await?;
    let live = add(&server, &camera).await?;
    let folder = format!("v2/streams/{}/hls/", live.stream);
    let index = server.url(&format!("{folder}index.m3u8"));
    let text = reqwest::get(&index).await?.error_for_status()?.text().await?;
    let names: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
    ensure!(names.len() == 2, "two renditions: {text}");
    let (main, sub) = (newest(&server, &folder, names[0]).await?, newest(&server, &folder, names[1]).await?);
    println!("main {main:?}, sub {sub:?}");
    ensure!(main.0 == sub.0, "discontinuity numbers differ: {main:?} {sub:?}");
    // A time in the file tells a moment, the same one in both.
    let shift = (main.1 - main.2) - (sub.1 - sub.2);
    ensure!(shift.abs() <= TOGETHER, "the timelines lie {shift} s apart: {main:?} {sub:?}");

    let (_browser, page) = page_of(&server).await?;
    let player = Player::play(&page, &index).await?;
    player.shows("pictures", |look| look.frames > 25).await?;
    let mut stalls = Vec::new();
    for (level, width) in [(0, 320), (1, 640), (0, 320)] {
        player.change_to(level).await?;
        let before = player.look().await?;
        let changed = player.shows("the other rendition", |look| look.width == width).await?;
        let after = player.shows("it goes on", |look| look.frames > changed.frames + 50).await?;
        Player::no_fatal(&after)?;
        // The player's own timeline went on, at the live edge.
        let behind = after.behind.context("a playing date")?;
        println!("{width} wide: {behind:.2} s behind, at {:.2} s", after.current_time);
        ensure!(after.current_time > before.current_time, "{before:?} {after:?}");
        ensure!(behind < 8.0, "{after:?}");
        stalls.push(after.stalls);
    }
    println!("times that playing waited for media: {stalls:?}");
    ensure!(server.stop().await);
    Ok(())
}
