//! A viewer with a UDP socket: what arrives is kept, and datagrams can be lost on purpose in either direction.

use super::SOON;
use super::depacketize::{self, Picture};
use super::source::{Script, identify};
use super::stun::{self, Credentials};
use anyhow::{Context, Result, ensure};
use socket2::{Domain, Protocol, Socket, Type};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use tokio::net::UdpSocket;
use vas_examples::viewer::{
    CloseReason, Codec, Event, Identity, RtpPacket, SenderReport, Viewer, ViewerConfig,
};
use vas_sfu::{Producer, Router, WhepSession};

/// Conditions on something else than datagrams are looked at so often.
const LOOK: Duration = Duration::from_millis(10);
/// Datagrams read before the condition is looked at again.
const BATCH: usize = 64;
/// Room for a burst while the test does something else.
const RECEIVE_BUFFER: usize = 4 << 20;

/// Decides on each datagram: `true` lets it pass.
pub(super) type Filter = Box<dyn FnMut(&[u8]) -> bool + Send>;

/// The configuration of a viewer that hands out every packet.
pub(super) fn delivering() -> ViewerConfig {
    static IDENTITY: OnceLock<Identity> = OnceLock::new();
    let identity = IDENTITY.get_or_init(|| Identity::generate().expect("a key can be made"));
    ViewerConfig::delivering(identity.clone())
}

/// One viewer.
pub(super) struct Peer {
    pub(super) viewer: Viewer,
    /// Both sides' ICE credentials.
    pub(super) credentials: Credentials,
    /// Everything that came, by its sequence number without wrap-around.
    pub(super) packets: BTreeMap<u64, RtpPacket>,
    /// Pictures whose last packet has come.
    pub(super) markers: usize,
    /// Packets of media that came on the present socket.
    pub(super) here: usize,
    pub(super) reports: Vec<SenderReport>,
    pub(super) closed: Option<CloseReason>,
    /// Success responses to [`Self::send_check`].
    pub(super) checks_answered: usize,
    /// What passes on the way to the viewer.
    pub(super) inward: Filter,
    /// What passes on the way to the server.
    pub(super) outward: Filter,
    socket: UdpSocket,
    server: SocketAddr,
}

impl Peer {
    /// Makes an offer, has it answered and binds a socket; [`Self::run_until`] connects.
    pub(super) async fn join(
        router: &Router,
        producer: &Producer,
        config: ViewerConfig,
    ) -> Result<(Self, WhepSession)> {
        let mut viewer = Viewer::new(config);
        let (session, answer) = router.whep(producer, viewer.offer())?;
        let credentials = Credentials::of(viewer.offer(), &answer)?;
        viewer.accept_answer(Instant::now(), &answer)?;
        let server = candidate(&answer)?;
        let peer = Self {
            viewer,
            credentials,
            packets: BTreeMap::new(),
            markers: 0,
            here: 0,
            reports: Vec::new(),
            closed: None,
            checks_answered: 0,
            inward: Box::new(|_| true),
            outward: Box::new(|_| true),
            socket: bind(server)?,
            server,
        };
        Ok((peer, session))
    }

    /// Where it is reached.
    pub(super) fn address(&self) -> Result<SocketAddr> {
        Ok(self.socket.local_addr()?)
    }

    /// Moves to a new socket, as a NAT that gives the viewer another port does to it.
    pub(super) fn rebind(&mut self) -> Result<()> {
        self.socket = bind(self.server)?;
        self.here = 0;
        Ok(())
    }

    /// Sends a check of its own with these credentials, which nominates the path.
    pub(super) async fn send_check(&mut self, credentials: &Credentials) -> Result<()> {
        self.send_raw(&credentials.check()?).await
    }

    /// Sends bytes as they are.
    pub(super) async fn send_raw(&mut self, datagram: &[u8]) -> Result<()> {
        self.socket.send_to(datagram, self.server).await?;
        Ok(())
    }

    /// Lives until `done`.
    ///
    /// # Errors
    /// `what` did not come within [`SOON`].
    pub(super) async fn run_until(&mut self, what: &str, done: impl FnMut(&mut Self) -> bool) -> Result<()> {
        self.run_within(SOON, what, done).await
    }

    /// Lives until so many more whole pictures have come.
    pub(super) async fn play(&mut self, pictures: usize) -> Result<()> {
        let wanted = self.markers + pictures;
        let what = format!("{pictures} more pictures");
        self.run_until(&what, |peer| peer.markers >= wanted || peer.closed.is_some()).await?;
        ensure!(self.closed.is_none(), "{:?} before {what}", self.closed);
        Ok(())
    }

    async fn run_within(
        &mut self,
        deadline: Duration,
        what: &str,
        mut done: impl FnMut(&mut Self) -> bool,
    ) -> Result<()> {
        let end = Instant::now() + deadline;
        let mut buffer = [0; 2_048];
        loop {
            let now = Instant::now();
            if self.viewer.poll_timeout().is_some_and(|due| due <= now) {
                self.viewer.handle_timeout(now);
            }
            self.settle().await;
            if done(self) {
                return Ok(());
            }
            let stats = self.viewer.stats();
            ensure!(now < end, "waited in vain for: {what}; closed: {:?}; {stats:?}", self.closed);
            let look = now + LOOK;
            let wake = self.viewer.poll_timeout().map_or(look, |due| due.min(look));
            tokio::select! {
                received = self.socket.recv_from(&mut buffer) => {
                    if let Ok((size, from)) = received {
                        self.receive(from, &buffer[..size]);
                    }
                    for _ in 0..BATCH {
                        let Ok((size, from)) = self.socket.try_recv_from(&mut buffer) else { break };
                        self.receive(from, &buffer[..size]);
                    }
                }
                () = tokio::time::sleep_until(wake.into()) => {}
            }
        }
    }

    fn receive(&mut self, from: SocketAddr, datagram: &[u8]) {
        if !(self.inward)(datagram) {
            return;
        }
        self.here += usize::from(stun::is_rtp(datagram));
        self.checks_answered += usize::from(stun::is_answer(datagram));
        self.viewer.handle_datagram(Instant::now(), from, datagram);
    }

    /// Sends what waits and takes what happened.
    pub(super) async fn settle(&mut self) {
        while let Some(transmit) = self.viewer.poll_transmit() {
            if (self.outward)(&transmit.payload) {
                // An error tells of an earlier datagram that nobody took, as after the server's end.
                let _ = self.socket.send_to(&transmit.payload, transmit.to).await;
            }
        }
        while let Some(event) = self.viewer.poll_event() {
            match event {
                Event::Rtp(packet) => {
                    self.markers += usize::from(packet.header.marker);
                    self.packets.insert(packet.extended_sequence, packet);
                }
                Event::SenderReport(report) => self.reports.push(report),
                Event::Closed(reason) => self.closed = Some(reason),
                _ => {}
            }
        }
    }

    /// The whole pictures so far, checked as a stream.
    pub(super) fn pictures(&self, codec: Codec) -> Result<Vec<Picture>> {
        depacketize::pictures(codec, &self.packets)
    }

    /// The whole pictures so far, each of which is exactly one of these sessions' pictures: session and number.
    pub(super) fn checked(&self, scripts: &[&Script]) -> Result<Vec<(u8, u64)>> {
        let pictures = self.pictures(Codec::H264)?;
        let check = |picture: &Picture| {
            let (session, n) = identify(&picture.units)?;
            let script = scripts.iter().find(|script| script.session == session);
            let script = script.with_context(|| format!("a picture of session {session}"))?;
            ensure!(picture.units == script.expected(n), "picture {n} of session {session} is damaged");
            Ok((session, n))
        };
        pictures.iter().map(check).collect()
    }

    /// The same where nothing may be missing.
    pub(super) fn checked_and_whole(&self, scripts: &[&Script]) -> Result<Vec<(u8, u64)>> {
        depacketize::ensure_contiguous(&self.packets)?;
        self.checked(scripts)
    }
}

/// Whether the numbers count up by one.
pub(super) fn consecutive(pictures: &[(u8, u64)]) -> bool {
    pictures.is_sorted_by(|a, b| a.0 == b.0 && a.1 + 1 == b.1)
}

/// A socket that reaches a server on this machine.
fn bind(server: SocketAddr) -> Result<UdpSocket> {
    let local: IpAddr =
        if server.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() };
    let socket = Socket::new(Domain::for_address(server), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SocketAddr::from((local, 0)).into())?;
    Ok(UdpSocket::from_std(socket.into())?)
}

/// The address of the first candidate (RFC 8839, section 5.1).
fn candidate(answer: &str) -> Result<SocketAddr> {
    let line = stun::attribute(answer, "candidate")?;
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    let [_, _, _, _, ip, port, ..] = fields[..] else { anyhow::bail!("no candidate: {line}") };
    Ok(SocketAddr::new(ip.parse()?, port.parse()?))
}
