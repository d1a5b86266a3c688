//! A selective forwarding unit for cameras.
//!
//! Streams of a [`vas_core::hub::StreamHub`] go to any number of browsers over WebRTC. The object model is mediasoup's:
//! an [`Sfu`] has [`Router`]s, a router has [`Producer`]s and transports, and a [`Consumer`] is one producer on one
//! transport. A producer is of pictures, in one or more layers that show the same in different sizes, or of sound
//! ([`ProducerOptions`]). A transport is a viewer's connection ([`WebRtcTransport`]), or plain RTP to a host that an
//! administrator has allowed ([`PlainTransport`]).
//!
//! ```text
//! hub --Subscription--> producer task: packetise once --Arc<Frame>--> shard threads: headers, seal, one send a viewer
//! ```
//!
//! A shard is a thread with sockets of its own on the shared port, UDP and TCP. It owns the connections whose first
//! valid STUN check it received, and everything of them: ICE-lite, DTLS, SRTP, retransmission, the estimate of what the
//! viewer's network carries, timers. There is no task and no lock per viewer.
//!
//! A viewer comes with an offer, and gets a WHEP session:
//!
//! ```no_run
//! # async fn example(hub: vas_core::hub::StreamHub, stream: vas_core::StreamId, offer: &str)
//! # -> Result<(), Box<dyn std::error::Error>> {
//! use vas_core::{SystemClock, TaskScope};
//! use vas_sfu::{Sfu, SfuConfig};
//!
//! let sfu = Sfu::start(SfuConfig::default(), &TaskScope::new(), SystemClock::shared())?;
//! let router = sfu.create_router();
//! let producer = router.produce(&hub, stream)?;
//! // A browser's WHEP offer becomes an answer and a session.
//! let (session, answer) = router.whep(&producer, offer)?;
//! # let _ = answer;
//! session.closed().await;
//! # Ok(()) }
//! ```
//!
//! Or it comes with capabilities in mediasoup's vocabulary ([`ortc`]), as `mediasoup-client` does, and gets a transport
//! and consumers, of as many producers as it likes:
//!
//! ```no_run
//! # async fn example(router: vas_sfu::Router, hub: vas_core::hub::StreamHub, main: vas_core::StreamId,
//! #     sub: vas_core::StreamId, capabilities: vas_sfu::ortc::RtpCapabilities, dtls: vas_sfu::ortc::DtlsParameters)
//! # -> Result<(), Box<dyn std::error::Error>> {
//! use vas_sfu::{ConsumeOptions, PreferredLayer, ProducerOptions};
//!
//! // A camera's main and sub stream, and its sound.
//! let pictures = router.produce_with(&hub, ProducerOptions::video([main, sub]))?;
//! let sound = router.produce_with(&hub, ProducerOptions::audio(main))?;
//!
//! let transport = router.create_webrtc_transport()?;
//! // The viewer is told of `ice_parameters()`, `ice_candidates()` and `dtls_parameters()`, and says its own.
//! transport.connect(&dtls)?;
//! let options = ConsumeOptions::default();
//! let picture = transport.consume(&pictures, &capabilities, options)?;
//! let heard = transport.consume(&sound, &capabilities, options)?;
//! // And of what it will receive.
//! let parameters = [picture.rtp_parameters(), heard.rtp_parameters()];
//! # let _ = parameters;
//! // It shows the picture in this size: no larger layer than needed is sent.
//! picture.set_preferred_layer(PreferredLayer { size: Some((640, 360)), ..PreferredLayer::default() });
//! transport.closed().await;
//! # Ok(()) }
//! ```
//!
//! Without a viewer, the example `raw_to_rtp` is a whole program: H.264 from standard input, sent as plain RTP.
//!
//! Every handle is `Clone`; dropping the last one closes what it stands for, without waiting. Closing a parent closes
//! its children.
//!
//! # What a viewer gets
//!
//! - H.264, H.265, AV1 and VP8 as they are, Opus, G.711 and G.722 as well; AAC becomes Opus (feature `transcode`).
//! - The best layer that its bandwidth and the size it shows allow ([`LayerState`], [`Consumer::watch_layers`]); where
//!   even the smallest does not fit, less of it ([`Thinning`]).
//! - The cached group of pictures at once, lost packets again, pictures anew without asking the camera.
//! - The addresses of the machine or those configured, UDP and TCP on one port, and STUN and TURN servers with
//!   credentials of its own ([`Sfu::ice_servers`]).
//!
//! Who comes beyond a limit of [`SfuConfig`] is refused with an error that names the limit ([`AdmissionError`],
//! [`TransportError::Exhausted`]). Figures are told by consumer, producer, transport and thread ([`Sfu::stats`]).
//!
//! With the feature `whip`, `whip` receives publishers: browsers, phones and encoders as cameras, whose streams go to
//! the hub like any other. Both features are on by default.
//!
//! # What it never does
//!
//! Transcode pictures, or speak HTTP. Over WebRTC nothing is ever sent to an address that has not passed a STUN check
//! with the right password, and once a viewer is connected its media moves to another address only after a packet made
//! with its keys has come from there. Plain RTP, which no receiver consents to, goes to the networks of
//! [`SfuConfig::plain_rtp_allow`] alone.

mod admission;
mod bwe;
mod candidates;
mod config;
mod consumer;
mod dtls;
mod error;
mod frame;
mod ice;
mod layers;
mod negotiate;
pub mod ortc;
mod packetize;
mod plain;
mod producer;
mod profile;
mod router;
mod rtcp;
mod sdp;
mod server;
mod shard;
mod srtp;
mod transport;
mod turn;
mod whep;
#[cfg(feature = "whip")]
pub mod whip;

pub use config::{DEFAULT_PORT, SfuConfig};
pub use consumer::{Consumer, ConsumerId, ConsumerStats, LayerState, PreferredLayer};
pub use error::{
    AdmissionError, AnswerError, ConnectError, ConsumeError, PatchError, PlainError, ProduceError,
    StartError, TransportError, WhepError,
};
pub use layers::Thinning;
pub use plain::{Network, NetworkError, PlainTransport};
pub use producer::{Producer, ProducerId, ProducerLayer, ProducerOptions, ProducerStats};
pub use router::Router;
pub use server::{Sfu, ShardStats};
pub use transport::{
    CloseReason, ConsumeOptions, TransportId, TransportState, TransportStats, WebRtcTransport,
};
pub use turn::{IceServer, IceServerConfig};
pub use whep::{FragmentOutcome, ViewerOptions, WhepSession};

#[doc(hidden)]
pub mod bench_support;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
