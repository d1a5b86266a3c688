//! The server driven over HTTP: the real program on free ports, with a database on disk and cameras of its own kind.

#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]
#![expect(clippy::print_stdout, reason = "figures that are measured are printed")]

mod auth;
mod bulk;
mod consume;
mod dashboard;
mod demand;
mod devices;
mod edge;
mod errors;
mod layers;
mod limits;
mod many;
mod recording_live;
mod recordings;
mod restart;
mod secrets;
mod sockets;
mod streams;
mod support;
mod viewers;
mod whep;
