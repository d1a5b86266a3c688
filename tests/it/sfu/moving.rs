//! Viewers whose address changes, by a NAT or by an ICE restart.

use super::peer::Peer;
use super::source::Script;
use super::stage::{Stage, config};
use super::stun::{Credentials, attribute};
use crate::turn;
use anyhow::{Context, Result, ensure};
use futures_util::future::try_join_all;
use vas_sfu::{FragmentOutcome, WhepSession};

const VIEWERS: usize = 4;
/// Moves of each viewer. Each has even odds to reach the other thread's socket.
const MOVES: usize = 8;

/// A fragment of a viewer with these ICE credentials.
fn fragment(ufrag: &str, password: &str) -> String {
    format!(
        "a=ice-ufrag:{ufrag}\r\na=ice-pwd:{password}\r\nm=video 9 RTP/AVP 0\r\na=mid:0\r\n\
         a=candidate:1 1 udp 2130706431 192.0.2.1 50000 typ host\r\na=end-of-candidates\r\n"
    )
}

/// Restarts ICE on the viewer's side; gives the credentials of the new ICE session.
fn restart(session: &WhepSession, password: &str) -> Result<Credentials> {
    let FragmentOutcome::Restarted(answer) = session.patch(&fragment("moved", password))? else {
        anyhow::bail!("no restart");
    };
    Credentials::of("a=ice-ufrag:moved\r\n", &answer)
}

/// Media follows a viewer to every new port, whichever thread the kernel gives that port's datagrams to.
#[tokio::test(flavor = "multi_thread")]
async fn to_other_ports() -> Result<()> {
    let _turn = turn::shared().await;
    let stage = Stage::start(config(2))?;
    let script = Script::new(0, 100);
    let _live = stage.publish(&script, 10)?;
    try_join_all((0..VIEWERS).map(async |_| {
        let (mut peer, session) = stage.viewer().await?;
        peer.play(20).await?;
        for n in 0..MOVES {
            let before = peer.address()?;
            peer.rebind()?;
            ensure!(peer.address()? != before, "no new port");
            if n > 0 {
                // The first time the viewer's own consent check does it.
                let credentials = peer.credentials.clone();
                peer.send_check(&credentials).await?;
            }
            peer.run_until("media at the new port", |peer| peer.here >= 40).await?;
        }
        // What went to a port that was left is asked for from the new one; the requests reach the right thread too.
        peer.run_until("repairs", |peer| peer.viewer.stats().recovered > 0).await?;
        peer.play(50).await?;
        peer.checked(&[&script])?;
        ensure!(session.consumer().stats().retransmitted > 0, "{:?}", session.consumer().stats());
        Ok(())
    }))
    .await?;
    stage.stop().await
}

/// A restart of ICE gives new credentials, with which the viewer goes on elsewhere.
#[tokio::test(flavor = "multi_thread")]
async fn by_an_ice_restart() -> Result<()> {
    let _turn = turn::shared().await;
    let stage = Stage::start(config(2))?;
    let script = Script::new(0, 100);
    let _live = stage.publish(&script, 10)?;
    let (mut peer, session) = stage.viewer().await?;
    peer.play(20).await?;
    for n in 0..4 {
        let etag = session.etag();
        let renewed = restart(&session, &format!("{n}{}", "p".repeat(24)))?;
        ensure!(renewed.server_ufrag != peer.credentials.server_ufrag, "the old fragment");
        ensure!(renewed.server_password != peer.credentials.server_password, "the old password");
        ensure!(
            session.etag() != etag && session.etag().contains(&renewed.server_ufrag),
            "{}",
            session.etag()
        );
        peer.rebind()?;
        move_with(&mut peer, &renewed).await.with_context(|| format!("restart {n}"))?;
        peer.credentials = renewed;
    }
    peer.checked(&[&script])?;
    stage.stop().await
}

async fn move_with(peer: &mut Peer, credentials: &Credentials) -> Result<()> {
    let answered = peer.checks_answered;
    peer.send_check(credentials).await?;
    peer.run_until("an answer and media", |peer| peer.checks_answered > answered && peer.here >= 40).await
}

/// A viewer that could not connect may restart ICE before any of its checks came through.
#[tokio::test(flavor = "multi_thread")]
async fn by_an_ice_restart_before_the_first_check() -> Result<()> {
    let _turn = turn::shared().await;
    let (stage, _live) = Stage::with_live(&Script::new(0, 100), 10)?;
    let (mut peer, session) = stage.viewer().await?;
    let renewed = restart(&session, &"p".repeat(24))?;
    peer.outward = Box::new(|_| false);
    peer.send_check(&renewed).await?;
    peer.run_until("an answer to the new credentials", |peer| peer.checks_answered == 1).await?;
    stage.stop().await
}

/// Fragments of the present ICE session change nothing; what is no fragment is refused.
#[tokio::test(flavor = "multi_thread")]
async fn not_by_candidates_or_nonsense() -> Result<()> {
    let _turn = turn::shared().await;
    let (stage, _live) = Stage::with_live(&Script::new(0, 100), 10)?;
    let (mut peer, session) = stage.viewer().await?;
    peer.play(10).await?;
    let (offer, etag) = (peer.viewer.offer().to_owned(), session.etag());
    let own = fragment(&attribute(&offer, "ice-ufrag")?, &attribute(&offer, "ice-pwd")?);
    ensure!(session.patch(&own)? == FragmentOutcome::Trickled, "candidates are no restart");
    for nonsense in ["", "nonsense", "{\"json\": true}", "a=candidate:1 1 udp 1 192.0.2.1 1 typ host\r\n"] {
        ensure!(session.patch(nonsense).is_err(), "{nonsense} is taken");
    }
    ensure!(session.etag() == etag, "the ICE session has changed");
    peer.play(50).await?;
    stage.stop().await
}
