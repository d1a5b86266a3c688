//! A selective forwarding unit for cameras.
//!
//! One stream of a [`vas_core::hub::StreamHub`] goes to any number of browsers over WebRTC. The object model is
//! mediasoup's: an [`Sfu`] has [`Router`]s, a router has [`Producer`]s (streams) and [`WebRtcTransport`]s (viewers'
//! connections), and a [`Consumer`] is one producer on one transport.
//!
//! ```text
//! hub --Subscription--> producer task: packetise once --Arc<Frame>--> shard threads: headers, seal, one send a viewer
//! ```
//!
//! A shard is a thread with a UDP socket of its own on the shared port. It owns the connections whose first valid
//! STUN check it received, and everything of them: ICE-lite, DTLS, SRTP, retransmission, timers. There is no task
//! and no lock per viewer.
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
//! Every handle is `Clone`; dropping the last one closes what it stands for, without waiting. Closing a parent closes
//! its children.
//!
//! Deliberately absent: transcoding of pictures, HTTP. Nothing is ever sent to an address that has not passed a STUN
//! check with the right password.

mod admission;
#[cfg(feature = "transcode")]
mod audio;
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

#[cfg(feature = "transcode")]
pub use audio::{AacToOpus, OpusPacket, TranscodeError, TranscodeStats};
pub use config::{DEFAULT_PORT, SfuConfig};
pub use consumer::{Consumer, ConsumerId, ConsumerStats, LayerState, PreferredLayer};
pub use error::{
    AnswerError, AdmissionError, ConnectError, ConsumeError, PatchError, PlainError, ProduceError, StartError, TransportError, WhepError,
};
pub use layers::Thinning;
pub use plain::{Network, NetworkError, PlainTransport};
pub use producer::{Producer, ProducerId, ProducerLayer, ProducerOptions, ProducerStats};
pub use router::Router;
pub use server::{Sfu, ShardStats};
pub use turn::{IceServer, IceServerConfig};
pub use transport::{CloseReason, ConsumeOptions, TransportId, TransportState, TransportStats, WebRtcTransport};
pub use whep::{FragmentOutcome, ViewerOptions, WhepSession};

#[doc(hidden)]
pub mod bench_support;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
