//! The viewer of `vas_examples` behind a relay, with what a player does beside receiving: it asks for a key picture
//! when the picture stands still.

use super::stage::Stage;
use crate::relay::Relay;
use anyhow::{Context, Result, bail};
use std::net::Ipv4Addr;
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use tokio::net::UdpSocket;
use vas_examples::viewer::{CloseReason, Event, Identity, Viewer, ViewerConfig};
use vas_sfu::WhepSession;

/// Conditions are looked at so often.
const LOOK: Duration = Duration::from_millis(10);
/// Datagrams read before the condition is looked at again.
const BATCH: usize = 64;
/// A picture that stands still for so long calls for a key picture, and again after so long.
const PATIENCE: Duration = Duration::from_secs(1);

/// A viewer like a browser: it decrypts everything, takes part in congestion control and judges what it would show.
pub(super) fn like_a_browser() -> ViewerConfig {
    static IDENTITY: OnceLock<Identity> = OnceLock::new();
    let identity = IDENTITY.get_or_init(|| Identity::generate().expect("a key can be made"));
    let mut config = ViewerConfig::delivering(identity.clone());
    config.deliver = false;
    config.transport_cc = true;
    config
}

/// One viewer.
pub(super) struct Watcher {
    pub(super) viewer: Viewer,
    pub(super) session: WhepSession,
    pub(super) closed: Option<CloseReason>,
    socket: UdpSocket,
    /// When a key picture was last asked for.
    asked: Instant,
}

impl Watcher {
    /// Makes an offer and has it answered; [`Self::run`] connects.
    pub(super) async fn join(stage: &Stage, relay: &Relay, config: ViewerConfig) -> Result<Self> {
        let now = Instant::now();
        let mut viewer = Viewer::new(config);
        let (session, answer) = stage.router.whep(&stage.producer, viewer.offer())?;
        viewer.accept_answer(now, &relay.rewrite(&answer))?;
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        Ok(Self { viewer, session, closed: None, socket, asked: now })
    }

    /// Lives until `done`.
    ///
    /// # Errors
    /// `what` did not come within `deadline`.
    pub(super) async fn run(
        &mut self,
        deadline: Duration,
        what: &str,
        mut done: impl FnMut(&Self) -> bool,
    ) -> Result<()> {
        let end = Instant::now() + deadline;
        let mut buffer = [0; 2_048];
        loop {
            let now = Instant::now();
            if self.viewer.poll_timeout().is_some_and(|due| due <= now) {
                self.viewer.handle_timeout(now);
            }
            self.call_for_key_picture(now);
            self.settle().await;
            if done(self) {
                return Ok(());
            }
            if now >= end {
                bail!("waited in vain for: {what}; closed: {:?}; {:?}", self.closed, self.viewer.stats());
            }
            let look = now + LOOK;
            let wake = self.viewer.poll_timeout().map_or(look, |due| due.min(look));
            tokio::select! {
                readable = self.socket.readable() => {
                    readable.context("the viewer's socket")?;
                    for _ in 0..BATCH {
                        let Ok((size, from)) = self.socket.try_recv_from(&mut buffer) else { break };
                        self.viewer.handle_datagram(Instant::now(), from, &buffer[..size]);
                    }
                }
                () = tokio::time::sleep_until(wake.into()) => {}
            }
        }
    }

    /// Lives for some time, for what is on its way and what is missing to come.
    pub(super) async fn live_for(&mut self, time: Duration) -> Result<()> {
        let end = Instant::now() + time;
        self.run(time * 2, "the time to pass", |_| Instant::now() >= end).await
    }

    /// Lives until so many more pictures were shown.
    pub(super) async fn play(&mut self, pictures: u64, deadline: Duration) -> Result<()> {
        let wanted = self.viewer.stats().shown + pictures;
        let what = format!("{pictures} more pictures");
        let played = |watcher: &Self| watcher.viewer.stats().shown >= wanted || watcher.closed.is_some();
        self.run(deadline, &what, played).await?;
        match &self.closed {
            Some(reason) => bail!("{reason} before {what}"),
            None => Ok(()),
        }
    }

    fn call_for_key_picture(&mut self, now: Instant) {
        let stats = self.viewer.stats();
        let still = stats.shown_at.or(stats.first_packet_at);
        let waited = |since: Instant| now.saturating_duration_since(since) > PATIENCE;
        if still.is_some_and(waited) && waited(self.asked) {
            self.asked = now;
            self.viewer.request_keyframe();
        }
    }

    async fn settle(&mut self) {
        while let Some(transmit) = self.viewer.poll_transmit() {
            // An error tells of an earlier datagram that nobody took.
            let _ = self.socket.send_to(&transmit.payload, transmit.to).await;
        }
        while let Some(event) = self.viewer.poll_event() {
            if let Event::Closed(reason) = event {
                self.closed = Some(reason);
            }
        }
    }
}
