//! Cameras in: RTSP sessions under a supervisor, an RTSP server that serves hub streams again, and the built-in
//! test camera.
//!
//! ```text
//! Source --start--> Supervisor --one task each--> session: connect, describe, set up, pump --push--> StreamHub
//!                       ^                            |
//!                       `--- back off and retry <----' any failure, with its reason
//! ```
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use vas_core::hub::{StartAt, StreamHub};
//! use vas_core::{StreamId, SystemClock, TaskScope};
//! use vas_ingest::{IngestConfig, Source, Supervisor};
//!
//! let (hub, scope) = (StreamHub::default(), TaskScope::new());
//! let supervisor = Supervisor::new(hub.clone(), &scope, SystemClock::shared(), IngestConfig::default());
//! let source = Source::parse(StreamId::random(), "gate", "rtsp://operator:secret@10.0.0.5/main")?;
//! let stream = source.stream;
//! supervisor.start(source);
//! let unit = hub.subscribe(stream, StartAt::LastKey)?.next().await?;
//! println!("{} bytes at {:?}", unit.data.len(), unit.pts);
//! # Ok(()) }
//! ```
//!
//! Cancellation: dropping a future of [`Supervisor`] never leaves a session half stopped; what was asked for goes on.
//! Deliberately absent: decoding, recording, and credentials in anything that prints.

mod backoff;
#[cfg(feature = "test-camera")]
pub mod camera;
mod config;
mod failure;
mod health;
mod hosts;
mod limits;
mod probe;
pub mod rtsp;
mod session;
mod source;
mod supervisor;

pub use backoff::BackoffConfig;
pub use config::IngestConfig;
pub use failure::IngestError;
pub use health::Health;
pub use hosts::{HostPolicy, HostRule, HostRuleError, NotAllowed};
pub use probe::{Probe, ProbedTrack, probe};
pub use source::{Source, SourceError, TransportMode};
pub use supervisor::{IngestStatus, PublisherFeed, Supervisor};
