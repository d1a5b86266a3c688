//! The server driven over HTTP: the real program on free ports, with a database on disk and cameras of its own kind.

#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod devices;
mod errors;
mod limits;
mod restart;
mod secrets;
mod streams;
mod support;
mod whep;
