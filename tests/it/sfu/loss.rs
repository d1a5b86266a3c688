//! Datagrams that are lost on the way.

use super::peer::{Filter, Peer};
use super::source::Script;
use super::stage::Stage;
use super::stun::{is_dtls, is_rtp};
use crate::turn;
use anyhow::{Context, Result, ensure};
use futures_util::future::try_join_all;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Media packets that pass before any is lost: the first one shows where the sequence starts.
const SPARED: usize = 50;
/// Datagrams of a handshake: lost one after another, each in a connection of its own.
const FLIGHTS: usize = 6;

/// Loses 5 % of media packets and their repairs, in a pattern that is the same each time.
fn one_in_twenty(lost: Arc<AtomicUsize>) -> Filter {
    let (mut seen, mut state) = (0, 1_u64);
    Box::new(move |datagram| {
        if !is_rtp(datagram) {
            return true;
        }
        seen += 1;
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let pass = seen <= SPARED || !(state >> 33).is_multiple_of(20);
        lost.fetch_add(usize::from(!pass), Ordering::Relaxed);
        pass
    })
}

/// Loses the datagrams of the handshake whose numbers are in `lost`.
fn flights(lost: std::ops::Range<usize>) -> Filter {
    let mut seen = 0;
    Box::new(move |datagram| {
        let pass = !is_dtls(datagram) || !lost.contains(&seen);
        seen += usize::from(is_dtls(datagram));
        pass
    })
}

/// Of the packets that 5 % loss takes, repairs bring back at least 95 in a hundred, and what they bring is right.
#[tokio::test(flavor = "multi_thread")]
async fn retransmission_repairs_five_in_a_hundred() -> Result<()> {
    let _turn = turn::shared().await;
    let script = Script::new(0, 100);
    let (stage, _live) = Stage::with_live(&script, 20)?;
    let (mut peer, session) = stage.viewer().await?;
    let lost = Arc::new(AtomicUsize::new(0));
    peer.inward = one_in_twenty(lost.clone());
    peer.run_until("3,000 packets", |peer| peer.viewer.stats().expected >= 3_000).await?;
    peer.viewer.finish_counting();
    // Whether the ratio is reached is what is asked; repairs on their way have until the deadline.
    peer.run_until("repairs of 95 % of the losses", |peer| {
        let stats = peer.viewer.stats();
        stats.recovered * 100 >= (stats.recovered + stats.lost) * 95
    })
    .await?;
    let stats = peer.viewer.stats();
    ensure!(lost.load(Ordering::Relaxed) > 100 && stats.recovered > 80, "{stats:?}");
    ensure!(stats.rejected == 0, "{stats:?}");
    ensure!(peer.packets.values().any(|packet| packet.repaired), "no repaired packet was handed out");
    let shown = peer.checked(&[&script])?;
    ensure!(shown.len() > peer.markers * 9 / 10, "{} of {} pictures are whole", shown.len(), peer.markers);
    let counted = session.consumer().stats();
    ensure!(counted.retransmitted as usize >= stats.recovered as usize, "{counted:?} {stats:?}");
    println!("lost {}, repaired {}, missing {}", lost.load(Ordering::Relaxed), stats.recovered, stats.lost);
    stage.stop().await
}

/// Whichever datagram of the handshake is lost, in whichever direction, the viewer plays.
#[tokio::test(flavor = "multi_thread")]
async fn of_the_handshake_only_delays_it() -> Result<()> {
    let _turn = turn::shared().await;
    let script = Script::new(0, 1_000);
    let (stage, _live) = Stage::with_live(&script, 20)?;
    let ranges: Vec<_> = (0..FLIGHTS).map(|n| n..n + 1).chain([0..2, 1..3, 0..4]).collect();
    let viewers = ranges.iter().flat_map(|range| [(range.clone(), true), (range.clone(), false)]);
    try_join_all(viewers.map(async |(range, inward)| {
        let (mut peer, _session) = stage.viewer().await?;
        let filter = flights(range.clone());
        if inward {
            peer.inward = filter;
        } else {
            peer.outward = filter;
        }
        let from = if inward { "server" } else { "viewer" };
        let lost = || format!("datagrams {range:?} of the {from} lost");
        peer.play(20).await.with_context(lost)?;
        // The group may have come before the keys; then the viewer asks for it, as browsers do.
        if peer.checked(&[&script])?.first() != Some(&(0, 0)) {
            peer.viewer.request_keyframe();
            peer.run_until("the key picture", |peer| has_key(peer, &script)).await.with_context(lost)?;
        }
        peer.play(20).await.with_context(lost)
    }))
    .await?;
    stage.stop().await
}

fn has_key(peer: &Peer, script: &Script) -> bool {
    peer.checked(&[script]).is_ok_and(|shown| shown.contains(&(0, 0)))
}
