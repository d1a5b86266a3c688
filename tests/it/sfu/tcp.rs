//! Viewers over TCP (RFC 6544), framed as RFC 4571 says, and what else may connect.

use super::SOON;
use super::peer::delivering;
use super::source::Script;
use super::stage::{Stage, config};
use super::stun::Credentials;
use crate::turn;
use crate::wait::until;
use anyhow::{Context, Result, ensure};
use futures_util::future::try_join_all;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use vas_examples::viewer::{Event, Viewer};
use vas_sfu::{CloseReason, WhepSession};

/// Viewers at the same time. The kernel gives each connection to one of two threads, whichever owns the viewer.
const VIEWERS: usize = 8;

/// A viewer behind a network that lets TCP out alone.
struct TcpPeer {
    viewer: Viewer,
    stream: TcpStream,
    server: SocketAddr,
    unread: Vec<u8>,
    pictures: usize,
    credentials: Credentials,
}

/// The address of a passive candidate.
fn passive(answer: &str) -> Result<SocketAddr> {
    let line = answer.lines().find(|line| line.ends_with("typ host tcptype passive"));
    let fields: Vec<&str> = line.context("no TCP candidate")?.split(' ').collect();
    ensure!(fields[2] == "tcp", "{fields:?}");
    Ok(SocketAddr::new(fields[4].parse()?, fields[5].parse()?))
}

impl TcpPeer {
    async fn join(stage: &Stage) -> Result<(Self, WhepSession)> {
        let mut viewer = Viewer::new(delivering());
        let (session, answer) = stage.router.whep(&stage.producer, viewer.offer())?;
        let server = passive(&answer)?;
        ensure!(server == stage.address(), "TCP is on the port of UDP");
        let credentials = Credentials::of(viewer.offer(), &answer)?;
        viewer.accept_answer(Instant::now(), &answer)?;
        let stream = TcpStream::connect(server).await?;
        Ok((Self { viewer, stream, server, unread: Vec::new(), pictures: 0, credentials }, session))
    }

    /// Lives until so many more pictures have come whole.
    async fn play(&mut self, pictures: usize) -> Result<()> {
        let wanted = self.pictures + pictures;
        tokio::time::timeout(SOON, async {
            let mut buffer = vec![0; 64 << 10];
            while self.pictures < wanted {
                self.settle().await?;
                let look = Instant::now() + Duration::from_millis(10);
                let wake = self.viewer.poll_timeout().map_or(look, |due| due.min(look));
                tokio::select! {
                    count = self.stream.read(&mut buffer) => {
                        let count = count?;
                        ensure!(count > 0, "the server closed the connection");
                        self.unread.extend_from_slice(&buffer[..count]);
                        self.take_frames();
                    }
                    () = tokio::time::sleep_until(wake.into()) => self.viewer.handle_timeout(Instant::now()),
                }
            }
            Ok(())
        })
        .await
        .with_context(|| format!("{} of {wanted} pictures; {:?}", self.pictures, self.viewer.stats()))?
    }

    fn take_frames(&mut self) {
        let mut at = 0;
        while let Some(prefix) = self.unread[at..].first_chunk::<2>() {
            let end = at + 2 + usize::from(u16::from_be_bytes(*prefix));
            let Some(datagram) = self.unread.get(at + 2..end) else { break };
            self.viewer.handle_datagram(Instant::now(), self.server, datagram);
            at = end;
        }
        self.unread.drain(..at);
    }

    async fn settle(&mut self) -> Result<()> {
        while let Some(transmit) = self.viewer.poll_transmit() {
            self.stream.write_all(&framed(&transmit.payload)).await?;
        }
        while let Some(event) = self.viewer.poll_event() {
            match event {
                Event::Rtp(packet) => self.pictures += usize::from(packet.header.marker),
                Event::Closed(reason) => anyhow::bail!("{reason:?}"),
                _ => {}
            }
        }
        Ok(())
    }
}

fn framed(datagram: &[u8]) -> Vec<u8> {
    [&(datagram.len() as u16).to_be_bytes()[..], datagram].concat()
}

/// Whether the other end closes within a deadline, and how many bytes it sent before.
async fn closes(mut stream: TcpStream, deadline: Duration) -> Result<usize> {
    let mut bytes = Vec::new();
    match tokio::time::timeout(deadline, stream.read_to_end(&mut bytes)).await {
        Ok(_) => Ok(bytes.len()),
        Err(_) => anyhow::bail!("the connection stays open"),
    }
}

/// Every viewer plays whichever thread's listener its connection came to, and loses nothing.
#[tokio::test(flavor = "multi_thread")]
async fn plays_on_every_thread() -> Result<()> {
    let _turn = turn::shared().await;
    let stage = Stage::start(config(2))?;
    let script = Script::new(0, 100);
    let _live = stage.publish(&script, 10)?;
    let sessions = try_join_all((0..VIEWERS).map(async |_| {
        let (mut peer, session) = TcpPeer::join(&stage).await?;
        peer.play(60).await?;
        ensure!(peer.viewer.stats().lost == 0, "{:?}", peer.viewer.stats());
        Ok((peer, session))
    }))
    .await?;
    for (peer, session) in sessions {
        session.close();
        ensure!(session.closed().await == CloseReason::Requested, "closed for another reason");
        // What was sent before still comes, the goodbye with it.
        closes(peer.stream, SOON).await?;
    }
    stage.stop().await
}

/// A viewer whose connection breaks comes back on another one, with the same session.
#[tokio::test(flavor = "multi_thread")]
async fn a_broken_connection_is_replaced() -> Result<()> {
    let _turn = turn::shared().await;
    let stage = Stage::start(config(2))?;
    let script = Script::new(0, 100);
    let _live = stage.publish(&script, 10)?;
    let (mut peer, _session) = TcpPeer::join(&stage).await?;
    peer.play(20).await?;
    for _ in 0..4 {
        peer.stream = TcpStream::connect(peer.server).await?;
        peer.unread.clear();
        let check = peer.credentials.check()?;
        peer.stream.write_all(&framed(&check)).await?;
        peer.play(20).await?;
    }
    stage.stop().await
}

/// Who is no viewer hears nothing, and is closed at the first frame that no viewer would send.
#[tokio::test(flavor = "multi_thread")]
async fn strangers_hear_nothing() -> Result<()> {
    let _turn = turn::shared().await;
    let stage = Stage::start(config(2))?;
    let unknown = Credentials {
        server_ufrag: "unknownFragment0".to_owned(),
        server_password: "p".repeat(32),
        viewer_ufrag: "viewer".to_owned(),
    };
    let mut stranger = TcpStream::connect(stage.address()).await?;
    stranger.write_all(&framed(&unknown.check()?)).await?;
    stranger.write_all(&framed(&[22, 254, 253, 0])).await?;
    stranger.write_all(b"GET / HTTP/1.1\r\n\r\n").await?;
    ensure!(closes(stranger, SOON).await? == 0, "a stranger was answered");
    stage.stop().await
}

/// Connections that prove nothing are closed, and no more than the limit are held.
#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_are_few_and_short() -> Result<()> {
    let _turn = turn::shared().await;
    let mut few = config(2);
    few.max_tcp_connections_per_address = 3;
    let stage = Stage::start(few)?;
    let script = Script::new(0, 100);
    let _live = stage.publish(&script, 10)?;
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(TcpStream::connect(stage.address()).await?);
    }
    // The listeners take turns, so which connection is refused is not said; that some are, is.
    let refused = until(SOON, "a refusal", async || {
        let stream = TcpStream::connect(stage.address()).await.ok()?;
        closes(stream, Duration::from_millis(200)).await.ok()
    });
    ensure!(refused.await? == 0, "a refused connection was written to");
    try_join_all(held.into_iter().map(async |stream| closes(stream, SOON).await)).await?;
    let (mut peer, _session) = TcpPeer::join(&stage).await?;
    peer.play(20).await?;
    stage.stop().await
}

/// Without TCP nothing listens and nothing is offered.
#[tokio::test(flavor = "multi_thread")]
async fn can_be_switched_off() -> Result<()> {
    let _turn = turn::shared().await;
    let stage = Stage::start(config(1).tcp(false))?;
    let script = Script::new(0, 100);
    let _live = stage.publish(&script, 10)?;
    let (_session, answer) = stage.router.whep(&stage.producer, Viewer::new(delivering()).offer())?;
    ensure!(!answer.contains("tcptype"), "{answer}");
    ensure!(TcpStream::connect(stage.address()).await.is_err(), "somebody listens");
    stage.stop().await
}
