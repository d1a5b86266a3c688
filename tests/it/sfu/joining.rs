//! What a viewer gets from its first packet on, and over what happens to the source.

use super::depacketize::annex_b;
use super::peer::{consecutive, delivering};
use super::source::{STEP, Script, Source};
use super::stage::{Stage, config};
use crate::media::{MediaDir, ffprobe};
use crate::turn;
use anyhow::{Context, Result, ensure};
use vas_core::SystemClock;
use vas_examples::viewer::{Codec, SrtpOffer, ViewerConfig};
use vas_ingest::camera::{SyntheticConfig, synthetic};

/// Ticks between cached pictures where the viewer shows them as fast as it can.
const COMPRESSED: u32 = 90;
/// The header extension's id in the viewer's offer.
const PLAYOUT_DELAY: u8 = 5;

/// A viewer's configuration with a change.
fn with(change: impl FnOnce(&mut ViewerConfig)) -> ViewerConfig {
    let mut config = delivering();
    change(&mut config);
    config
}

/// Joins 150 pictures behind the last key picture and watches until well behind the next.
async fn joins(config: ViewerConfig, gcm: bool) -> Result<()> {
    let _turn = turn::shared().await;
    let script = Script::new(0, 400);
    let (stage, _live) = Stage::with_live(&script, 150)?;
    let playout_delay = config.playout_delay;
    let (mut peer, _session) = stage.viewer_as(config).await?;
    peer.play(500).await?;
    ensure!(peer.viewer.stats().gcm == Some(gcm), "the profile: {:?}", peer.viewer.stats().gcm);

    let shown = peer.checked_and_whole(&[&script])?;
    ensure!(shown[0] == (0, 0) && consecutive(&shown), "{shown:?}");
    let pictures = peer.pictures(Codec::H264)?;
    let steps: Vec<u32> = (1..pictures.len())
        .map(|at| pictures[at].timestamp.wrapping_sub(pictures[at - 1].timestamp))
        .collect();
    let cached = if playout_delay { COMPRESSED } else { STEP };
    ensure!(steps[..149].iter().all(|step| *step == cached), "{steps:?}");
    // Where the cache ended depends on when the viewer came; from there on every step is a picture's time.
    let live = steps.iter().position(|step| *step == STEP).context("no step of a live picture")?;
    ensure!(steps[live..].iter().all(|step| *step == STEP), "{steps:?}");

    let (_, first) = peer.packets.first_key_value().context("no packet")?;
    let extension = first.extension(PLAYOUT_DELAY);
    ensure!(extension == playout_delay.then_some(&[0; 3][..]), "playout-delay: {extension:?}");
    stage.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_long_group() -> Result<()> {
    joins(delivering(), true).await
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_long_group_without_playout_delay() -> Result<()> {
    joins(with(|config| config.playout_delay = false), true).await
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_long_group_with_sha1() -> Result<()> {
    joins(with(|config| config.srtp = SrtpOffer::Sha1Only), false).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_that_prefers_sha1_gets_gcm() -> Result<()> {
    joins(with(|config| config.srtp = SrtpOffer::Sha1First), true).await
}

/// The first picture comes with the stream, where there is none to start from.
#[tokio::test(flavor = "multi_thread")]
async fn before_the_first_key_picture() -> Result<()> {
    let _turn = turn::shared().await;
    let stage = Stage::start(config(1))?;
    let script = Script::new(0, 100);
    let mut source = Source::publish(&stage.hub, stage.stream, &script, 1)?;
    source.push(20);
    let (mut peer, session) = stage.viewer().await?;
    peer.run_until("a connection", |peer| peer.viewer.is_connected()).await?;
    let _live = source.live(&stage.scope);
    peer.play(50).await?;
    let shown = peer.checked_and_whole(&[&script])?;
    ensure!(shown[0] == (0, 100) && consecutive(&shown), "{shown:?}");
    drop(session);
    stage.stop().await
}

/// An encoder's pictures, told right by a decoder.
#[tokio::test(flavor = "multi_thread")]
async fn a_decoder_likes_what_comes() -> Result<()> {
    let _turn = turn::shared().await;
    let stage = Stage::start(config(1))?;
    let camera = SyntheticConfig { keyframe_interval: 50, ..SyntheticConfig::default() };
    let _camera = synthetic(&stage.hub, stage.stream, camera, &stage.scope, &SystemClock::shared())?;
    let (mut peer, _session) = stage.viewer().await?;
    peer.play(120).await?;
    let pictures = peer.pictures(Codec::H264)?;
    let media = MediaDir::new()?;
    let file = media.path("arrived.h264");
    std::fs::write(&file, annex_b(&pictures))?;
    let count = ["-f", "h264", "-err_detect", "explode", "-count_frames"];
    let probed = ffprobe(&count, file.to_str().context("a path of text")?).await?;
    let frames = probed["streams"][0]["nb_read_frames"].as_str().context("a count")?;
    ensure!(frames.parse() == Ok(pictures.len()), "{frames} of {} decode", pictures.len());
    stage.stop().await
}

/// A camera that comes back: its times start from nothing, the viewer's go on.
#[tokio::test(flavor = "multi_thread")]
async fn over_a_restart_of_the_source() -> Result<()> {
    let _turn = turn::shared().await;
    let (first, second) = (Script::new(0, 100), Script::new(1, 100));
    let (stage, live) = Stage::with_live(&first, 30)?;
    let (mut peer, _session) = stage.viewer().await?;
    peer.play(60).await?;
    live.stop().await?;
    let _live = stage.publish(&second, 1)?;
    peer.play(150).await?;
    let shown = peer.checked_and_whole(&[&first, &second])?;
    let (old, new) = shown.split_at(shown.partition_point(|picture| picture.0 == 0));
    ensure!(old[0] == (0, 0) && consecutive(old), "{shown:?}");
    ensure!(new.len() > 100 && new[0] == (1, 0) && consecutive(new), "{shown:?}");
    stage.stop().await
}

/// Pictures of a new session that refer to ones nobody has are not sent.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_starts_amid_a_group_waits_for_its_key_picture() -> Result<()> {
    let _turn = turn::shared().await;
    let (first, second) = (Script::new(0, 100), Script::new(1, 50));
    let (stage, live) = Stage::with_live(&first, 30)?;
    let (mut peer, _session) = stage.viewer().await?;
    peer.play(60).await?;
    live.stop().await?;
    let _live = Source::publish(&stage.hub, stage.stream, &second, 20)?.live(&stage.scope);
    peer.play(60).await?;
    let shown = peer.checked_and_whole(&[&first, &second])?;
    let new = &shown[shown.partition_point(|picture| picture.0 == 0)..];
    ensure!(new[0] == (1, 50) && consecutive(new), "the new session's first picture: {:?}", new[0]);
    stage.stop().await
}

/// Resuming shows the cached group; time does not run backwards for it.
#[tokio::test(flavor = "multi_thread")]
async fn over_a_pause() -> Result<()> {
    let _turn = turn::shared().await;
    for playout_delay in [true, false] {
        let script = Script::new(0, 400);
        let (stage, _live) = Stage::with_live(&script, 150)?;
        let config = with(|config| config.playout_delay = playout_delay);
        let (mut peer, session) = stage.viewer_as(config).await?;
        peer.play(180).await?;
        session.consumer().pause();
        session.consumer().resume();
        peer.play(250).await?;
        let shown =
            peer.checked_and_whole(&[&script]).with_context(|| format!("playout-delay {playout_delay}"))?;
        let starts = shown.iter().filter(|picture| picture.1 == 0).count();
        ensure!(starts == 2, "the group was shown {starts} times");
        stage.stop().await?;
    }
    Ok(())
}

/// B pictures that nothing refers to are left out where the format reorders, and only there.
#[tokio::test(flavor = "multi_thread")]
async fn without_disposable_b_pictures() -> Result<()> {
    let _turn = turn::shared().await;
    for reordering in [true, false] {
        let script = Script::new(0, 60).with_b_pictures(reordering)?;
        let (stage, _live) = Stage::with_live(&script, 20)?;
        let (mut peer, _session) = stage.viewer().await?;
        peer.play(100).await?;
        let shown = peer.checked_and_whole(&[&script])?;
        let dropped = stage.producer.stats().dropped_b;
        if reordering {
            let expected: Vec<_> = (0..shown.len() as u64).map(|at| (0, at * 3)).collect();
            ensure!(shown == expected, "{shown:?}");
            ensure!(dropped > 100, "{dropped} left out");
        } else {
            ensure!(consecutive(&shown) && dropped == 0, "{dropped} left out: {shown:?}");
        }
        stage.stop().await?;
    }
    Ok(())
}
