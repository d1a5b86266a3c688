//! What every crate of VAS shares: access units, the hub that carries them from cameras to consumers, and the
//! models and ports around it.
//!
//! ```text
//! StreamWriter --push--> ring (per stream, bounded by bytes and units) --next--> Subscription, any number
//! ```
//!
//! A source publishes a stream and pushes [`media::AccessUnit`]s; consumers subscribe and start at the cached
//! group of pictures. Pushing never waits, and a slow consumer loses pictures without costing anybody else.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! use vas_core::hub::{StartAt, StreamHub};
//! use vas_core::testing;
//!
//! let hub = StreamHub::default();
//! let id = vas_core::StreamId::random();
//! let mut writer = hub.publish(id, testing::video_desc())?;
//! writer.push(testing::key_picture(0));
//! let mut subscription = hub.subscribe(id, StartAt::LastKey)?;
//! assert!(subscription.next().await?.is_key());
//! # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
//! ```
//!
//! With the feature `decode` it makes stills of pictures, with `transcode` Opus of other sound.
//!
//! Deliberately absent: sockets, files, HTTP. This crate opens nothing.

pub mod clock;
#[cfg(feature = "decode")]
pub mod decode;
pub mod error;
pub mod hub;
pub mod id;
pub mod media;
pub mod model;
pub mod ports;
pub mod secret;
pub mod task;
#[cfg(any(test, doctest, feature = "testing"))]
pub mod testing;
pub mod time;
#[cfg(feature = "transcode")]
pub mod transcode;

pub use clock::{Clock, SharedClock, SystemClock};
pub use error::{ErrorKind, HasKind, with_causes};
pub use id::{BookmarkId, DeviceId, RecordingId, SnapshotId, StreamId, TrackId};
pub use secret::{Credentials, Secret};
pub use task::TaskScope;
pub use time::{MediaTime, WallTime};
