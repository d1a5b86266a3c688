//! What is measured: a hub, an SFU, and viewers with sockets of their own.

use nix::cmsg_space;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt, sockopt};
use nix::sys::time::TimeSpec;
use socket2::{Domain, Protocol, SockFilter, SockRef, Socket, Type};
use std::io::{IoSliceMut, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};
use vas_core::hub::{StreamHub, StreamWriter};
use vas_core::testing::{delta_picture, key_picture, sized, video_desc};
use vas_core::{Clock, StreamId, SystemClock, TaskScope, WallTime};
use vas_sfu::bench_support::{connectivity_check, keyed_transport};
use vas_sfu::{ConsumeOptions, Consumer, Producer, Router, Sfu, SfuConfig, TransportState, WebRtcTransport};

/// Packets of a frame, each of 1,180 bytes of payload but for the last.
pub(crate) const PACKETS: usize = 5;
/// Bytes of a picture's NAL unit with its length: what five FU-A fragments hold (RFC 6184, section 5.8).
const UNIT: usize = 4 + 1 + PACKETS * (1_180 - 2);
/// RTP ticks between two frames, whatever time passes: they only number the frames.
const STEP: u32 = 1_000;
/// Of so many viewers one is looked at; the kernel drops what the others are sent.
const SAMPLE: usize = 10;
/// Bytes of UDP and RTP headers that a socket keeps of a packet.
const KEPT: u32 = 8 + 12;
const PATIENCE: Duration = Duration::from_secs(20);
/// When nothing has come for so long, nothing is under way.
const QUIET: Duration = Duration::from_millis(300);

/// A viewer over UDP.
struct Viewer {
    socket: UdpSocket,
    transport: WebRtcTransport,
    consumer: Consumer,
    /// Whether its socket lets the last packets of frames through.
    watched: bool,
    /// The RTP timestamp of frame 0.
    origin: u32,
}

/// A frame's last packet at one of the watched viewers.
pub(crate) struct Arrival {
    /// Among the watched ones.
    pub(crate) viewer: usize,
    pub(crate) frame: u32,
    /// When the kernel had it, in microseconds of UTC.
    pub(crate) at: i64,
}

/// What was not sent as it should be, summed over all viewers since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Faults {
    pub(crate) unsent: u64,
    pub(crate) overflows: u64,
}

/// The whole.
pub(crate) struct Stage {
    runtime: tokio::runtime::Runtime,
    scope: TaskScope,
    sfu: Sfu,
    router: Router,
    producer: Producer,
    writer: StreamWriter,
    viewers: Vec<Viewer>,
    /// Frames pushed.
    frames: u32,
}

impl Stage {
    /// An SFU with its defaults, and viewers that get the pictures of one stream.
    pub(crate) fn new(viewers: usize) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let _entered = runtime.enter();
        let scope = TaskScope::new();
        let mut config = SfuConfig::default().listen(vec![(Ipv4Addr::LOCALHOST, 0).into()]);
        // The viewers check once and are never heard of again.
        config.consent_timeout_secs = 86_400;
        let sfu = Sfu::start(config, &scope, SystemClock::shared()).expect("an SFU");
        let (hub, stream) = (StreamHub::default(), StreamId::random());
        let writer = hub.publish(stream, video_desc()).expect("nobody else publishes");
        let router = sfu.create_router();
        let producer = router.produce(&hub, stream).expect("published");
        let open = |at: usize| Viewer::open(&router, &producer, &sfu, at);
        let viewers: Vec<_> = (0..viewers).map(open).collect();
        let mut stage = Self { runtime, scope, sfu, router, producer, writer, viewers, frames: 0 };
        wait("every viewer connected", || {
            stage.viewers.iter().all(|viewer| viewer.transport.state() == TransportState::Connected)
        });
        wait("the shards have asked for the stream", || stage.writer.subscriptions() > 0);
        stage.find_origins();
        stage
    }

    /// Pushes a frame to the hub and tells when.
    pub(crate) fn push(&mut self, key: bool) -> WallTime {
        self.frames += 1;
        let mut unit = sized(if key { key_picture(0) } else { delta_picture(0) }, UNIT);
        let ticks = i64::from(self.frames) * i64::from(STEP);
        unit.pts = vas_core::MediaTime::new(ticks, unit.pts.rate());
        unit.dts = unit.pts;
        let now = SystemClock.wall();
        (unit.received, unit.captured) = (now, now);
        self.writer.push(unit);
        now
    }

    /// The number of the frame pushed last.
    pub(crate) const fn newest(&self) -> u32 {
        self.frames
    }

    /// How many viewers are looked at.
    pub(crate) fn watched(&self) -> usize {
        self.viewers.iter().filter(|viewer| viewer.watched).count()
    }

    /// Takes what the watched viewers have received.
    pub(crate) fn receive(&self, mut take: impl FnMut(Arrival)) {
        for (at, viewer) in self.viewers.iter().filter(|viewer| viewer.watched).enumerate() {
            while let Some((timestamp, time)) = viewer.receive() {
                let frame = timestamp.wrapping_sub(viewer.origin) / STEP;
                take(Arrival { viewer: at, frame, at: time });
            }
        }
    }

    /// Waits until nothing is under way any more.
    pub(crate) fn settle(&self) {
        let mut heard = Instant::now();
        wait("the queues are empty", || {
            self.receive(|_| heard = Instant::now());
            heard.elapsed() > QUIET
        });
    }

    /// Sends a key picture through the idle pipeline, until each watched viewer has shown which timestamp it gives it.
    fn find_origins(&mut self) {
        let mut missing: Vec<usize> =
            (0..self.viewers.len()).filter(|&at| self.viewers[at].watched).collect();
        let mut round = Instant::now();
        self.push(true);
        wait("every viewer gets a frame", || {
            // The first may have come before the shards took part.
            if round.elapsed() > Duration::from_secs(2) {
                round = Instant::now();
                self.push(true);
            }
            let frames = self.frames;
            missing.retain(|&at| {
                let viewer = &mut self.viewers[at];
                let mut newest = None;
                while let Some((timestamp, _)) = viewer.receive() {
                    newest = Some(timestamp);
                }
                if let Some(timestamp) = newest {
                    viewer.origin = timestamp.wrapping_sub(frames * STEP);
                }
                newest.is_none()
            });
            missing.is_empty()
        });
        self.settle();
    }

    /// What went wrong with the viewers over UDP so far.
    pub(crate) fn faults(&self) -> Faults {
        let mut sum = Faults::default();
        for viewer in &self.viewers {
            let stats = viewer.consumer.stats();
            sum.unsent += stats.unsent;
            sum.overflows += stats.overflows;
        }
        let producer = self.producer.stats();
        sum.overflows += producer.overflows + producer.missed;
        sum
    }

    /// Puts a viewer that reads nothing in the place of one that is not looked at.
    pub(crate) fn stall_one(&self) -> Stalled {
        let replaced =
            self.viewers.iter().find(|viewer| !viewer.watched).map(|viewer| viewer.consumer.clone());
        if let Some(consumer) = &replaced {
            consumer.pause();
        }
        Stalled::open(&self.router, &self.producer, self.sfu.local_addresses()[0], replaced)
    }

    /// Ends everything.
    pub(crate) fn shut_down(self) {
        let Self { runtime, scope, sfu, viewers, .. } = self;
        drop(viewers);
        let ended =
            runtime.block_on(async { sfu.shutdown(PATIENCE).await && scope.shutdown(PATIENCE).await });
        assert!(ended, "the SFU did not end in time");
    }
}

/// A viewer over TCP whose connection is open and never read from.
pub(crate) struct Stalled {
    _stream: TcpStream,
    _transport: WebRtcTransport,
    consumer: Consumer,
    replaced: Option<Consumer>,
}

impl Stalled {
    fn open(router: &Router, producer: &Producer, sfu: SocketAddr, replaced: Option<Consumer>) -> Self {
        let (transport, consumer) = connect(router, producer, 0);
        let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP)).expect("a socket");
        // So that it stalls at once, not after the megabytes that the kernel would take for it.
        socket.set_recv_buffer_size(16 << 10).expect("a size");
        socket.connect(&sfu.into()).expect("a connection");
        let mut stream = TcpStream::from(socket);
        let check = connectivity_check(&transport);
        stream.write_all(&(check.len() as u16).to_be_bytes()).expect("written");
        stream.write_all(&check).expect("written");
        wait("the stalled viewer is connected", || transport.state() == TransportState::Connected);
        Self { _stream: stream, _transport: transport, consumer, replaced }
    }

    /// Times that its queue was full and was let go.
    pub(crate) fn overflows(&self) -> u64 {
        self.consumer.stats().overflows
    }
}

impl Drop for Stalled {
    fn drop(&mut self) {
        if let Some(consumer) = &self.replaced {
            consumer.resume();
        }
    }
}

fn connect(router: &Router, producer: &Producer, at: usize) -> (WebRtcTransport, Consumer) {
    let transport = keyed_transport(router, at as u8).expect("a transport");
    let capabilities = router.rtp_capabilities();
    let consumer = transport.consume(producer, &capabilities, ConsumeOptions::default());
    (transport, consumer.expect("a consumer"))
}

impl Viewer {
    fn open(router: &Router, producer: &Producer, sfu: &Sfu, at: usize) -> Self {
        let (transport, consumer) = connect(router, producer, at);
        // The last of each group, so that the very last viewer is among them.
        let watched = at % SAMPLE == SAMPLE - 1;
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        if watched {
            let payload_type = u32::from(consumer.rtp_parameters().codecs[0].payload_type);
            setsockopt(&socket, sockopt::ReceiveTimestampns, &true).expect("timestamps");
            attach(&socket, &last_packets_only(payload_type));
        } else {
            attach(&socket, &[SockFilter::new(0x06, 0, 0, 0)]);
        }
        socket.send_to(&connectivity_check(&transport), sfu.local_addresses()[0]).expect("sent");
        Self { socket, transport, consumer, watched, origin: 0 }
    }

    /// The RTP timestamp of a packet that has arrived, and when it did.
    fn receive(&self) -> Option<(u32, i64)> {
        let mut bytes = [0; 64];
        let mut control = cmsg_space!(TimeSpec);
        let (length, at) = {
            let mut data = [IoSliceMut::new(&mut bytes)];
            let flags = MsgFlags::MSG_DONTWAIT;
            let message =
                recvmsg::<()>(self.socket.as_raw_fd(), &mut data, Some(&mut control), flags).ok()?;
            let at = message.cmsgs().ok()?.find_map(|control| match control {
                ControlMessageOwned::ScmTimestampns(at) => {
                    Some(at.tv_sec() * 1_000_000 + at.tv_nsec() / 1_000)
                }
                _ => None,
            });
            (message.bytes, at?)
        };
        let timestamp = bytes[..length].get(4..8)?.try_into().ok()?;
        Some((u32::from_be_bytes(timestamp), at))
    }
}

fn attach(socket: &UdpSocket, filter: &[SockFilter]) {
    SockRef::from(socket).attach_filter(filter).expect("a filter");
}

/// Lets the headers of packets through whose second byte is the marker bit and this payload type; a filter of a UDP
/// socket sees the UDP header first.
fn last_packets_only(payload_type: u32) -> [SockFilter; 4] {
    const LOAD_BYTE: u16 = 0x30;
    const JUMP_IF_EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;
    [
        SockFilter::new(LOAD_BYTE, 0, 0, 8 + 1),
        SockFilter::new(JUMP_IF_EQUAL, 0, 1, 0x80 | payload_type),
        SockFilter::new(RETURN, 0, 0, KEPT),
        SockFilter::new(RETURN, 0, 0, 0),
    ]
}

fn wait(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
