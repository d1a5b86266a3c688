//! A server that has IPv6 alone.

use super::source::Script;
use super::stage::{Stage, config};
use crate::turn;
use anyhow::{Result, ensure};
use std::net::{Ipv6Addr, SocketAddr};

/// A viewer plays over IPv6, and moves there.
#[tokio::test(flavor = "multi_thread")]
async fn plays_and_moves() -> Result<()> {
    let _turn = turn::shared().await;
    let listen = SocketAddr::from((Ipv6Addr::LOCALHOST, 0));
    let stage = Stage::start(config(2).listen(vec![listen]))?;
    ensure!(stage.address().ip() == listen.ip(), "{}", stage.address());
    let script = Script::new(0, 100);
    let _live = stage.publish(&script, 10)?;
    let (mut peer, _session) = stage.viewer().await?;
    ensure!(peer.address()?.is_ipv6(), "{}", peer.address()?);
    peer.play(50).await?;
    peer.checked_and_whole(&[&script])?;
    for _ in 0..4 {
        peer.rebind()?;
        let credentials = peer.credentials.clone();
        peer.send_check(&credentials).await?;
        peer.run_until("media at the new port", |peer| peer.here >= 40).await?;
    }
    stage.stop().await
}
