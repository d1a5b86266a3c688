//! Every way in which a session ends, and what it leaves behind: nothing.

use super::SOON;
use super::peer::{Peer, delivering};
use super::source::Script;
use super::stage::{Stage, config};
use super::stun::is_stun;
use crate::turn;
use anyhow::{Context, Result, ensure};
use std::time::{Duration, Instant};
use tokio::time::timeout;
use vas_examples::viewer::{self, Viewer};
use vas_sfu::{CloseReason, ProduceError, TransportError, TransportState, WhepError, WhepSession};

/// Waits for a session's end.
async fn ended(session: &WhepSession) -> Result<CloseReason> {
    let what = || format!("the session does not end: {:?}", session.transport().state());
    timeout(SOON, session.closed()).await.with_context(what)
}

fn closed(peer: &mut Peer) -> bool {
    peer.closed == Some(viewer::CloseReason::Remote)
}

/// Media goes on as long as checks come, and no longer (RFC 7675).
#[tokio::test(flavor = "multi_thread")]
async fn without_consent() -> Result<()> {
    let _turn = turn::shared().await;
    let consent = Duration::from_secs(2);
    let mut config = config(1);
    config.consent_timeout_secs = consent.as_secs();
    let stage = Stage::start(config)?;
    let _live = stage.publish(&Script::new(0, 100), 10)?;
    let (mut peer, session) = stage.viewer().await?;
    peer.play(10).await?;
    peer.outward = Box::new(|datagram| !is_stun(datagram));
    let start = Instant::now();
    while start.elapsed() < consent * 2 {
        let credentials = peer.credentials.clone();
        peer.send_check(&credentials).await?;
        peer.play(10).await?;
    }
    ensure!(session.transport().state() == TransportState::Connected, "{:?}", session.transport().state());
    // Its reports go on; they prove nothing.
    peer.run_until("the end of the session", |_| {
        matches!(session.transport().state(), TransportState::Closed(_))
    })
    .await?;
    ensure!(ended(&session).await? == CloseReason::ConsentExpired, "{:?}", session.transport().state());
    stage.emptied().await?;
    stage.stop().await
}

/// A viewer that never comes is not waited for much longer than the configuration says.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_connection() -> Result<()> {
    let _turn = turn::shared().await;
    let mut config = config(2);
    config.connect_timeout_secs = 1;
    let stage = Stage::start(config)?;
    let _live = stage.publish(&Script::new(0, 100), 10)?;
    let (_never, session) = stage.viewer().await?;
    ensure!(ended(&session).await? == CloseReason::ConnectTimeout, "{:?}", session.transport().state());
    stage.emptied().await?;
    stage.stop().await
}

/// The same for one whose checks come but whose handshake does not.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_handshake() -> Result<()> {
    let _turn = turn::shared().await;
    let mut config = config(2);
    config.connect_timeout_secs = 1;
    let stage = Stage::start(config)?;
    let _live = stage.publish(&Script::new(0, 100), 10)?;
    let (mut peer, session) = stage.viewer().await?;
    peer.outward = Box::new(is_stun);
    peer.run_until("the end", |_| matches!(session.transport().state(), TransportState::Closed(_))).await?;
    ensure!(ended(&session).await? == CloseReason::ConnectTimeout, "{:?}", session.transport().state());
    stage.emptied().await?;
    stage.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn by_the_server() -> Result<()> {
    let _turn = turn::shared().await;
    let (stage, _live) = Stage::with_live(&Script::new(0, 100), 10)?;
    let (mut peer, session) = stage.viewer().await?;
    peer.play(10).await?;
    session.close();
    peer.run_until("the server's goodbye", closed).await?;
    ensure!(ended(&session).await? == CloseReason::Requested, "{:?}", session.transport().state());
    stage.emptied().await?;
    timeout(SOON, session.consumer().closed()).await?;
    stage.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn by_the_viewer() -> Result<()> {
    let _turn = turn::shared().await;
    let (stage, _live) = Stage::with_live(&Script::new(0, 100), 10)?;
    let (mut peer, session) = stage.viewer().await?;
    peer.play(10).await?;
    peer.viewer.close(Instant::now());
    peer.settle().await;
    ensure!(ended(&session).await? == CloseReason::Peer, "{:?}", session.transport().state());
    stage.emptied().await?;
    stage.stop().await
}

/// Whoever holds no handle has no session: also before the viewer has come.
#[tokio::test(flavor = "multi_thread")]
async fn by_dropping_the_last_handle() -> Result<()> {
    let _turn = turn::shared().await;
    let (stage, _live) = Stage::with_live(&Script::new(0, 100), 10)?;
    let (mut peer, session) = stage.viewer().await?;
    let (_waiting, unused) = stage.viewer().await?;
    peer.play(10).await?;
    let other = session.clone();
    drop(session);
    peer.play(10).await?;
    drop((other, unused));
    peer.run_until("the server's goodbye", closed).await?;
    stage.emptied().await?;
    ensure!(stage.producer.stats().consumers == 0, "{:?}", stage.producer.stats());
    stage.stop().await
}

/// A stream that is removed from the hub ends its producer and all sessions, whether their viewers have come or not.
#[tokio::test(flavor = "multi_thread")]
async fn with_the_stream() -> Result<()> {
    let _turn = turn::shared().await;
    let (stage, _live) = Stage::with_live(&Script::new(0, 100), 10)?;
    let (mut peer, session) = stage.viewer().await?;
    peer.play(10).await?;
    stage.hub.remove(stage.stream);
    timeout(SOON, stage.producer.closed()).await.context("the producer does not end")?;
    peer.run_until("the server's goodbye", closed).await?;
    ensure!(ended(&session).await? == CloseReason::Producer, "{:?}", session.transport().state());
    timeout(SOON, session.consumer().closed()).await?;
    stage.emptied().await?;

    let mut late = Viewer::new(delivering());
    let refused = stage.router.whep(&stage.producer, late.offer());
    ensure!(matches!(refused, Err(WhepError::NoMedia | WhepError::Consume(_))), "{refused:?}");
    late.close(Instant::now());
    let gone = stage.router.produce(&stage.hub, stage.stream);
    ensure!(matches!(gone, Err(ProduceError::NotFound(_))), "{gone:?}");
    stage.stop().await
}

/// The stream ends between a viewer's answer and its first check: there is nothing for it to connect to.
#[tokio::test(flavor = "multi_thread")]
async fn with_the_stream_before_the_viewer_comes() -> Result<()> {
    let _turn = turn::shared().await;
    let (stage, _live) = Stage::with_live(&Script::new(0, 100), 10)?;
    let (mut peer, session) = stage.viewer().await?;
    stage.hub.remove(stage.stream);
    timeout(SOON, stage.producer.closed()).await.context("the producer does not end")?;
    peer.run_until("the end of the session", |_| {
        matches!(session.transport().state(), TransportState::Closed(_))
    })
    .await?;
    ensure!(ended(&session).await? == CloseReason::Producer, "{:?}", session.transport().state());
    stage.emptied().await?;
    stage.stop().await
}

/// Shutting down tells all viewers and refuses new ones.
#[tokio::test(flavor = "multi_thread")]
async fn with_the_server() -> Result<()> {
    let _turn = turn::shared().await;
    let stage = Stage::start(config(2))?;
    let _live = stage.publish(&Script::new(0, 100), 10)?;
    let (mut peer, session) = stage.viewer().await?;
    let (_waiting, unused) = stage.viewer().await?;
    peer.play(10).await?;
    ensure!(stage.sfu.shutdown(Duration::from_secs(10)).await, "it does not end in time");
    for session in [&session, &unused] {
        ensure!(ended(session).await? == CloseReason::Shutdown, "{:?}", session.transport().state());
    }
    peer.run_until("the server's goodbye", closed).await?;
    stage.emptied().await?;
    ensure!(stage.producer.is_closed(), "the producer lives");
    let late = Viewer::new(delivering());
    let refused = stage.router.whep(&stage.producer, late.offer());
    ensure!(matches!(refused, Err(WhepError::Transport(TransportError::Closed))), "{refused:?}");
    Ok(())
}

/// The limit on viewers holds, and one that goes makes room.
#[tokio::test(flavor = "multi_thread")]
async fn makes_room() -> Result<()> {
    let _turn = turn::shared().await;
    let mut config = config(1);
    config.max_transports = 2;
    let stage = Stage::start(config)?;
    let _live = stage.publish(&Script::new(0, 100), 10)?;
    let (_first, one) = stage.viewer().await?;
    let (_second, _two) = stage.viewer().await?;
    let third = Viewer::new(delivering());
    let refused = stage.router.whep(&stage.producer, third.offer());
    let exhausted = matches!(refused, Err(WhepError::Transport(TransportError::Exhausted { limit: 2 })));
    ensure!(exhausted, "{refused:?}");
    one.close();
    let (mut peer, _session) = stage.viewer().await?;
    peer.play(10).await?;
    stage.stop().await
}
