//! What benchmarks need besides the public API: the very code that sends to viewers, without the connections around it,
//! and connections without the handshake.

use crate::consumer::ConsumerShared;
use crate::error::TransportError;
use crate::frame::Frame;
use crate::ortc::MediaKind;
use crate::packetize::PacketRun;
use crate::producer::LayerShared;
use crate::router::Router;
use crate::shard::bench::{Control, Outlet, Path, Sender, Sent, Wire};
use crate::shard::{Congestion, Extensions, LayerCodec, LayerSetup, SenderSetup, Wanted};
use crate::srtp::{Profile, Srtp, SrtpKeys};
use crate::transport::WebRtcTransport;
use quinn_udp::{Transmit, UdpSockRef, UdpSocketState};
use rtc::stun::attributes::ATTR_USERNAME;
use rtc::stun::fingerprint::FINGERPRINT;
use rtc::stun::integrity::MessageIntegrity;
use rtc::stun::message::{BINDING_REQUEST, Message, TransactionId};
use rtc::stun::textattrs::Username;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use vas_core::media::{Codec, VideoCodec};
use vas_core::{SharedClock, WallTime};

/// AES-128-GCM with keys made of `seed`.
fn sealing(seed: u8) -> Srtp {
    let provider = rtc::crypto::default_provider().expect("a provider is compiled in");
    let keys = SrtpKeys::of_seed(Profile::AeadAes128Gcm, seed, false);
    Srtp::new(keys, &provider).expect("the keys have the right lengths")
}

/// A connection that seals with keys made of `seed` as soon as a [`connectivity_check`] has come: one of a browser but
/// for the handshake, and for the feedback, without which nothing is held back.
///
/// # Errors
/// As of [`Router::create_webrtc_transport`].
pub fn keyed_transport(router: &Router, seed: u8) -> Result<WebRtcTransport, TransportError> {
    let transport = router.create_webrtc_transport()?;
    transport.use_keys(sealing(seed));
    Ok(transport)
}

/// The check with which a viewer shows a connection where to send (RFC 8445, section 7.2.2).
#[must_use]
pub fn connectivity_check(transport: &WebRtcTransport) -> Vec<u8> {
    let ice = transport.ice_parameters();
    let provider = rtc::crypto::default_provider().expect("a provider is compiled in");
    let pwd = ice.password.expose().to_owned();
    let mut message = Message::new();
    message
        .build(&[
            Box::new(TransactionId::new()),
            Box::new(BINDING_REQUEST),
            Box::new(Username::new(ATTR_USERNAME, format!("{}:bench", ice.username_fragment))),
            Box::new(MessageIntegrity::new_short_term_integrity_with_provider(pwd, provider.crypto())),
            Box::new(FINGERPRINT),
        ])
        .expect("the attributes are short");
    message.raw.to_vec()
}

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
    control: Box<Control>,
}

impl BenchViewer {
    /// A viewer at `address` with keys made of `seed`.
    #[must_use]
    pub fn new(address: SocketAddr, seed: u8) -> Self {
        let setup = SenderSetup {
            layers: vec![LayerSetup {
                layer: LayerShared::detached(MediaKind::Video),
                codec: Some(LayerCodec {
                    codec: Codec::Video(VideoCodec::H264),
                    payload_type: 96,
                    rtx: Some(97),
                }),
            }],
            shared: Arc::new(ConsumerShared::new()),
            kind: MediaKind::Video,
            ticks_per_ms: 90,
            ssrc: u32::from(seed) + 1,
            rtx_ssrc: Some(u32::from(seed) + 1000),
            // As every browser asks for.
            extensions: Extensions { playout_delay: None, congestion: Congestion::TransportWide(3) },
            cname: "bench".to_owned(),
            paused: false,
            wanted: Wanted::default(),
        };
        let path = Path::udp(0, address, None);
        let now = Instant::now();
        // Near and silent: nothing is held back.
        let control = Box::new(Control::new(false, Some(Duration::ZERO), now));
        Self { sender: Sender::new(setup, now), srtp: sealing(seed), path, control }
    }
}

impl BenchViewer {
    /// Packets that were not sent and frames that were held back, which a figure must not count as if they were.
    #[must_use]
    pub fn unsent(&self) -> u64 {
        let counters = &self.sender.setup().shared.counters;
        let lost = counters.unsent.load(Ordering::Relaxed) + counters.overflows.load(Ordering::Relaxed);
        lost + u64::from(self.sender.is_busy())
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
        Self(Arc::new(Frame {
            index: 0,
            timestamp: 0,
            captured,
            key,
            disposable: false,
            discontinuity: false,
            run,
        }))
    }
}

/// Sends a frame to every viewer at the time `now`, as a shard does.
pub fn fan_out(
    frame: &BenchFrame,
    viewers: &mut [BenchViewer],
    wire: &mut BenchSocket,
    scratch: &mut Vec<u8>,
    now: Instant,
    clock: &SharedClock,
) {
    for viewer in viewers {
        let BenchViewer { sender, srtp, path, control } = viewer;
        let control = Some(&mut **control);
        sender.live(0, &frame.0, &mut Outlet { srtp, wire, path, scratch, control, now, clock });
    }
}
