//! The built-in test camera: a synthetic picture with a running clock, or an MP4 file replayed in a loop, and both
//! behind an RTSP server that can fail as cameras do.
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use vas_ingest::camera::{CameraSource, SyntheticConfig, TestCamera, TestCameraConfig};
//!
//! let mut config = TestCameraConfig::new("127.0.0.1:0".parse()?);
//! config.sources.push(("gate".into(), CameraSource::Synthetic(SyntheticConfig::default())));
//! let camera = TestCamera::start(config)?;
//! println!("{}", camera.url("gate"));
//! # Ok(()) }
//! ```
//!
//! The synthetic picture carries its frame number and time of capture in a form that programs read back from
//! decoded pixels: see [`strip`].

mod canvas;
mod card;
mod font;
mod pace;
mod replay;
mod source;
pub mod strip;
mod synthetic;
mod test_camera;
mod tone;

pub use replay::{ReplayError, replay};
pub use source::SourceHandle;
pub use synthetic::{SyntheticConfig, SyntheticError, synthetic};
pub use test_camera::{CameraSource, TestCamera, TestCameraConfig, TestCameraError};
