//! vas-sfu over real UDP sockets on loopback, watched packet by packet by the viewer of `vas_examples`.
//!
//! The pictures are made by [`source`], so that every byte that arrives can be told right or wrong.

mod closing;
mod codecs;
mod copies;
mod depacketize;
mod h265;
mod ipv6;
mod joining;
mod keys;
mod loss;
mod many;
mod moving;
mod peer;
mod plain;
mod silence;
mod source;
mod stage;
mod stun;
mod tcp;

use std::time::Duration;

/// What has to happen happens within this, on a machine that is busy with other tests.
const SOON: Duration = Duration::from_secs(20);
