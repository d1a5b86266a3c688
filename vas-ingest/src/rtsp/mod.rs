//! RTSP 1.0 (RFC 2326): the server that serves hub streams.

pub mod server;
