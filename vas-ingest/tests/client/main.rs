//! The client half against cameras of all sorts: ones that misbehave, written here as small TCP servers; GStreamer's
//! RTSP server, which shares no code with this crate; and the built-in test camera.

#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

#[cfg(feature = "test-camera")]
mod camera;
mod failures;
mod fake;
mod gst;
mod hosts;
mod isolation;
mod life;
mod rig;
