//! What the fan-out benchmark drives: the very code that sends to viewers, without the connections around it.

use crate::consumer::ConsumerShared;
use crate::frame::Frame;
use crate::packetize::PacketRun;
use crate::producer::ProducerShared;
use crate::shard::SenderSetup;
use crate::shard::bench::{Outlet, Path, Sender, Sent, Wire};
use crate::srtp::{Profile, Srtp, SrtpKeys};
use quinn_udp::{Transmit, UdpSockRef, UdpSocketState};
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;
use vas_core::WallTime;

/// A socket that viewers are sent to.
#[derive(Debug)]
pub struct BenchSocket {
    socket: UdpSocket,
    state: UdpSocketState,
}

impl BenchSocket {
    /// Wraps a bound socket.
    ///
    /// # Errors
    /// The socket can't be set up.
    pub fn new(socket: UdpSocket) -> std::io::Result<Self> {
        let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
        Ok(Self { socket, state })
    }
}

impl Wire for BenchSocket {
    fn max_segments(&self, _path: &Path) -> usize {
        self.state.max_gso_segments().min(44)
    }

    fn send(&mut self, path: &Path, data: &[u8], segment: usize) -> Sent {
        let transmit = Transmit {
            destination: path.peer,
            ecn: None,
            contents: data,
            segment_size: (segment < data.len()).then_some(segment),
            src_ip: path.local,
        };
        match self.state.try_send(UdpSockRef::from(&self.socket), &transmit) {
            Ok(()) => Sent::Taken,
            Err(_) => Sent::Failed,
        }
    }
}

/// A viewer that only receives.
#[derive(Debug)]
pub struct BenchViewer {
    sender: Sender,
    srtp: Srtp,
    path: Path,
}

impl BenchViewer {
    /// A viewer at `address` with keys made of `seed`.
    #[must_use]
    pub fn new(address: SocketAddr, seed: u8) -> Self {
        let provider = rtc::crypto::default_provider().expect("a provider is compiled in");
        let srtp = Srtp::new(SrtpKeys::of_seed(Profile::AeadAes128Gcm, seed, false), &provider)
            .expect("the keys have the right lengths");
        let setup = SenderSetup {
            producer: ProducerShared::detached(),
            shared: Arc::new(ConsumerShared::new()),
            ssrc: u32::from(seed) + 1,
            payload_type: 96,
            rtx: Some((u32::from(seed) + 1000, 97)),
            playout_delay: None,
            cname: "bench".to_owned(),
            paused: false,
        };
        let path = Path { socket: 0, peer: address, local: None };
        Self { sender: Sender::new(setup, Instant::now()), srtp, path }
    }
}

impl BenchViewer {
    /// Packets that were not sent, which a figure must not count as if they were.
    #[must_use]
    pub fn unsent(&self) -> u64 {
        self.sender.setup().shared.counters.unsent.load(Ordering::Relaxed)
    }
}

/// A frame of equal packets.
#[derive(Debug)]
pub struct BenchFrame(Arc<Frame>);

impl BenchFrame {
    /// `packets` packets of `size` payload bytes; a viewer's first frame must be a key picture.
    #[must_use]
    pub fn new(packets: usize, size: usize, key: bool) -> Self {
        let payload = vec![0x5a; size];
        let run = PacketRun::from_payloads(std::iter::repeat_n(payload.as_slice(), packets));
        let captured = WallTime::from_unix_micros(0);
        Self(Arc::new(Frame { index: 0, timestamp: 0, captured, key, discontinuity: false, run }))
    }
}

/// Sends a frame to every viewer, as a shard does.
pub fn fan_out(
    frame: &BenchFrame,
    viewers: &mut [BenchViewer],
    wire: &mut BenchSocket,
    scratch: &mut Vec<u8>,
) {
    for viewer in viewers {
        let BenchViewer { sender, srtp, path } = viewer;
        sender.live(&frame.0, &mut Outlet { srtp, wire, path, scratch });
    }
}
