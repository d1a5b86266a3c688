//! Somebody who sees a viewer's checks and sends copies of them from elsewhere. A check holds for whoever sends it;
//! the keys of the handshake do not.

use super::SOON;
use super::source::Script;
use super::stage::{Stage, config};
use super::stun;
use crate::turn;
use crate::wait::until;
use anyhow::{Result, ensure};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::net::UdpSocket;
use vas_sfu::CloseReason;

/// Another address that sends a viewer's checks.
struct Thief {
    socket: UdpSocket,
    check: Vec<u8>,
    server: SocketAddr,
    answers: usize,
    others: usize,
}

impl Thief {
    async fn new(check: Vec<u8>, server: SocketAddr) -> Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        Ok(Self { socket, check, server, answers: 0, others: 0 })
    }

    /// Sends the copy once more, and counts what has come.
    async fn send(&mut self) -> Result<()> {
        self.socket.send_to(&self.check, self.server).await?;
        let mut buffer = [0; 2_048];
        while let Ok((size, _)) = self.socket.try_recv_from(&mut buffer) {
            if stun::is_stun(&buffer[..size]) {
                self.answers += 1;
            } else {
                self.others += 1;
            }
        }
        Ok(())
    }
}

/// The copy is answered, as a NAT may have moved the viewer there, but media stays with the viewer.
#[tokio::test(flavor = "multi_thread")]
async fn move_no_media() -> Result<()> {
    let _turn = turn::shared().await;
    let stage = Stage::start(config(2))?;
    let script = Script::new(0, 100);
    let _live = stage.publish(&script, 10)?;
    let (mut peer, _session) = stage.viewer().await?;
    peer.play(20).await?;
    let mut thief = Thief::new(peer.credentials.check()?, stage.address()).await?;
    while thief.answers < 10 {
        thief.send().await?;
        peer.play(5).await?;
    }
    ensure!(thief.others == 0, "{} datagrams of media went astray", thief.others);
    peer.checked_and_whole(&[&script])?;
    // The viewer itself may move all the same.
    peer.rebind()?;
    let credentials = peer.credentials.clone();
    peer.send_check(&credentials).await?;
    peer.run_until("media at the new port", |peer| peer.here >= 40).await?;
    stage.stop().await
}

/// Copies keep nothing alive: when the viewer falls silent its session ends.
#[tokio::test(flavor = "multi_thread")]
async fn are_no_consent() -> Result<()> {
    let _turn = turn::shared().await;
    let mut short = config(1);
    short.consent_timeout_secs = 2;
    let stage = Stage::start(short)?;
    let script = Script::new(0, 100);
    let _live = stage.publish(&script, 10)?;
    let (mut peer, session) = stage.viewer().await?;
    peer.play(20).await?;
    let mut thief = Thief::new(peer.credentials.check()?, stage.address()).await?;
    drop(peer);
    let ended = until(SOON, "the end of the session", async || {
        thief.send().await.ok()?;
        tokio::time::timeout(Duration::from_millis(100), session.closed()).await.ok()
    });
    ensure!(ended.await? == CloseReason::ConsentExpired, "ended for another reason");
    ensure!(thief.answers > 0 && thief.others == 0, "{} answers, {} others", thief.answers, thief.others);
    stage.stop().await
}
