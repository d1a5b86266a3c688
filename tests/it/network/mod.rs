//! Viewers behind bad networks: our own, packet by packet, and Chromium; the network is a [`Relay`](crate::relay).

mod bottleneck;
mod figures;
mod loss;
mod moving;
mod stage;
mod watcher;

use std::time::Duration;

/// What has to happen happens within this, on a machine that is busy.
const SOON: Duration = Duration::from_secs(30);
/// Half of a round trip of 100 ms.
const ONE_WAY: Duration = Duration::from_millis(50);
