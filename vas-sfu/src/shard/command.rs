//! What other threads tell a shard.

use super::sender::{SenderSetup, Wanted};
use super::tcp::Connection;
use super::wire::Path;
use crate::consumer::ConsumerId;
use crate::frame::Frame;
use crate::ice::IceCredentials;
use crate::srtp::Srtp;
use crate::transport::TransportShared;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError};

/// Commands that may wait for a shard.
pub(crate) const COMMAND_QUEUE: usize = 16_384;
/// Datagrams of other shards that may wait, each at most 2 KiB; apart from commands, for anybody can send them.
pub(crate) const DATAGRAM_QUEUE: usize = 1_024;

/// A connection that waits for its first valid STUN check.
#[derive(Debug)]
pub(crate) struct LegSetup {
    pub(crate) shared: Arc<TransportShared>,
    pub(crate) ice: IceCredentials,
    /// Commands that came before a shard owned it.
    pub(crate) pending: Vec<LegCommand>,
}

/// A connection that needs no checks, for an administrator has allowed where it goes.
#[derive(Debug)]
pub(crate) struct PlainSetup {
    pub(crate) shared: Arc<TransportShared>,
    pub(crate) rtp: Path,
    pub(crate) rtcp: Path,
}

/// A change to one connection.
#[derive(Debug)]
pub(crate) enum LegCommand {
    /// The peer's certificate has one of these SHA-256 fingerprints.
    Connect { fingerprints: Arc<[[u8; 32]]> },
    /// Send a producer.
    AddConsumer(Box<SenderSetup>),
    /// Send it no longer.
    RemoveConsumer(ConsumerId),
    /// Hold it, or send it again.
    SetPaused(ConsumerId, bool),
    /// Which layer the viewer would have.
    SetWanted(ConsumerId, Wanted),
    /// Use other ICE credentials from now on; the old ones serve until the peer has moved.
    RestartIce(IceCredentials),
    /// Seal with keys that no handshake made, as benchmarks do, and hold nothing back.
    UseKeys(Box<Srtp>),
    /// End the connection.
    Close,
}

/// Key of a producer's feed within a shard; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct FeedKey(pub(crate) u64);

/// What is told to a shard.
pub(crate) enum Command {
    /// A change to a connection of this shard.
    Leg(u64, LegCommand),
    /// A plain connection, this shard's from now on.
    Plain(u64, Box<PlainSetup>),
    /// A producer's frames from now on, and the group so far.
    Feed { key: FeedKey, frames: rtrb::Consumer<Arc<Frame>>, group: Vec<Arc<Frame>> },
    /// A producer has ended.
    FeedEnded(FeedKey),
    /// A TCP connection of a viewer of this shard, which another one accepted.
    Connection(Box<Connection>),
}

/// A datagram for a connection of this shard that the kernel gave to another one.
#[derive(Debug)]
pub(crate) struct Forwarded {
    pub(crate) path: Path,
    pub(crate) data: Vec<u8>,
}

/// The way to a shard, for any thread.
#[derive(Clone)]
pub(crate) struct ShardHandle {
    commands: SyncSender<Command>,
    datagrams: SyncSender<Forwarded>,
    ended: Arc<AtomicBool>,
    ready: Arc<Mutex<Vec<FeedKey>>>,
    waker: Arc<mio::Waker>,
}

impl std::fmt::Debug for ShardHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ShardHandle")
    }
}

/// The shard has too much to do, or has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    Full,
    Ended,
}

impl ShardHandle {
    pub(crate) const fn new(
        commands: SyncSender<Command>,
        datagrams: SyncSender<Forwarded>,
        ended: Arc<AtomicBool>,
        ready: Arc<Mutex<Vec<FeedKey>>>,
        waker: Arc<mio::Waker>,
    ) -> Self {
        Self { commands, datagrams, ended, ready, waker }
    }

    /// Hands over a command without waiting.
    pub(crate) fn send(&self, command: Command) -> Result<(), Refused> {
        let result = self.commands.try_send(command).map_err(|error| match error {
            TrySendError::Full(_) => Refused::Full,
            TrySendError::Disconnected(_) => Refused::Ended,
        });
        self.wake();
        result
    }

    /// Hands over a datagram; it is lost when too many wait, as any datagram may be.
    pub(crate) fn forward(&self, datagram: Forwarded) {
        if self.datagrams.try_send(datagram).is_ok() {
            self.wake();
        }
    }

    /// Tells the shard to close every connection and to end.
    pub(crate) fn shut_down(&self) {
        self.ended.store(true, Ordering::Release);
        self.wake();
    }

    /// Tells that a feed holds frames. The lock is held for a push, and only the first of a burst costs a system call.
    pub(crate) fn frames_ready(&self, key: FeedKey) {
        let first = {
            let mut ready = self.ready.lock();
            let first = ready.is_empty();
            if ready.last() != Some(&key) {
                ready.push(key);
            }
            first
        };
        if first {
            self.wake();
        }
    }

    fn wake(&self) {
        // An error means that the poll set is gone, and the shard with it.
        let _ = self.waker.wake();
    }
}
