//! Requests for key pictures and retransmissions, some and by the thousand.

use super::source::Script;
use super::stage::Stage;
use crate::turn;
use anyhow::{Context, Result, ensure};
use std::time::Instant;

/// Requests of each kind in a flood.
const FLOOD: usize = 1_000;
/// The shortest time between two replays for one viewer, in milliseconds.
const REPLAY_MS: u128 = 100;
/// Retransmissions a second besides one for each packet sent.
const ALLOWANCE: u64 = 512;

/// The numbers of the pictures are split where they do not count up by one.
fn runs(shown: &[(u8, u64)]) -> Vec<&[(u8, u64)]> {
    shown.chunk_by(|a, b| a.1 + 1 == b.1).collect()
}

/// The cached group comes again between two live pictures.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_brings_the_group_again() -> Result<()> {
    let _turn = turn::shared().await;
    let script = Script::new(0, 500);
    let (stage, _live) = Stage::with_live(&script, 60)?;
    let (mut peer, session) = stage.viewer().await?;
    peer.play(100).await?;
    peer.viewer.request_keyframe();
    peer.run_until("the replay", |_| session.consumer().stats().replays == 1).await?;
    peer.play(250).await?;
    let shown = peer.checked_and_whole(&[&script])?;
    let runs = runs(&shown);
    let [first, again] = runs[..] else { anyhow::bail!("{runs:?}") };
    let (last, start) = (first.last().context("a run has pictures")?, again[0]);
    ensure!(first[0] == (0, 0) && start.1 % script.group == 0 && start.1 <= last.1, "{runs:?}");
    ensure!(again.len() > 200, "live pictures follow: {runs:?}");
    ensure!(session.consumer().stats().key_requests == 1, "{:?}", session.consumer().stats());
    stage.stop().await
}

/// A viewer that asks for everything all the time gets a bounded amount, and its stream stays right.
#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_requests_is_throttled() -> Result<()> {
    let _turn = turn::shared().await;
    let script = Script::new(0, 50);
    let (stage, _live) = Stage::with_live(&script, 20)?;
    let (mut peer, session) = stage.viewer().await?;
    peer.play(100).await?;
    let start = Instant::now();
    let newest = peer.packets.last_key_value().context("packets came")?.1.header.sequence;
    let all: Vec<u16> = (0..200).map(|n| newest.wrapping_sub(n)).collect();
    for n in 0..FLOOD {
        peer.viewer.request_keyframe();
        peer.viewer.send_nack(&all);
        if n.is_multiple_of(20) {
            peer.play(1).await?;
        }
    }
    peer.play(200).await?;
    let elapsed = start.elapsed();
    let counted = session.consumer().stats();
    ensure!(counted.key_requests > FLOOD as u64 / 2, "the flood did not arrive: {counted:?}");
    ensure!(peer.viewer.stats().nacked >= 200 * FLOOD as u64, "{:?}", peer.viewer.stats());
    let replays = elapsed.as_millis() / REPLAY_MS + 2;
    ensure!(counted.replays >= 1 && u128::from(counted.replays) <= replays, "{elapsed:?}: {counted:?}");
    let sent = peer.packets.len() as u64;
    let repairs = sent + ALLOWANCE * (elapsed.as_secs() + 3);
    ensure!(counted.retransmitted <= repairs, "{sent} packets in {elapsed:?}: {counted:?}");
    println!("{elapsed:?}: {sent} packets sent, {counted:?}");

    let shown = peer.checked(&[&script])?;
    for run in runs(&shown).into_iter().skip(1) {
        ensure!(run[0].1 % script.group == 0, "a run starts with {:?}", run[0]);
    }
    stage.stop().await
}
