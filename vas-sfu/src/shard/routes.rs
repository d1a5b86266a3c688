//! Which shard owns a connection, as all shards and handles see it.
//!
//! It is asked when a connection begins or when the kernel gives a datagram to a foreign shard, never on the way of
//! media.

use super::command::{Command, LegCommand, LegSetup, PlainSetup, Refused, ShardHandle};
use crate::consumer::ConsumerCloseReason;
use crate::transport::{CloseReason, TransportShared};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// Commands that a connection may gather before its first check.
const MAX_PENDING: usize = 64;

#[derive(Debug)]
enum Place {
    Waiting(Box<LegSetup>, Instant),
    Owned { shard: usize },
}

#[derive(Debug)]
struct Entry {
    place: Place,
    ufrags: Vec<String>,
    shared: Arc<TransportShared>,
}

impl Entry {
    /// Tells those who hold handles that the connection has ended before a shard had it.
    fn abandon(self, reason: &CloseReason) {
        if let Place::Waiting(setup, _) = self.place {
            for command in setup.pending {
                if let LegCommand::AddConsumer(consumer) = command {
                    consumer.shared.set_closed(ConsumerCloseReason::Transport);
                }
            }
        }
        self.shared.set_closed(reason.clone());
    }
}

#[derive(Debug, Default)]
struct Table {
    legs: HashMap<u64, Entry>,
    ufrags: HashMap<String, u64>,
    addresses: HashMap<SocketAddr, (u64, usize)>,
    next: u64,
    closed: bool,
}

/// The shared table. One for each SFU.
#[derive(Debug)]
pub(crate) struct Routes {
    table: Mutex<Table>,
    shards: OnceLock<Vec<ShardHandle>>,
    limit: usize,
}

/// Who owns the connection of a check.
#[derive(Debug)]
pub(crate) enum Claim {
    /// It is the asking shard's now.
    Mine(u64, Box<LegSetup>),
    /// A shard has it: another one, or the asking one under credentials that it is still to be told of.
    Owned(usize),
    /// Nobody knows it.
    Unknown,
}

/// Why a connection can't be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InsertError {
    Exhausted,
    Closed,
}

impl Routes {
    pub(crate) fn new(limit: usize) -> Self {
        Self { table: Mutex::default(), shards: OnceLock::new(), limit }
    }

    /// Names the shards, once.
    pub(crate) fn set_shards(&self, shards: Vec<ShardHandle>) {
        let set = self.shards.set(shards);
        debug_assert!(set.is_ok(), "the shards are named once, at the start");
    }

    pub(crate) fn shard(&self, index: usize) -> Option<&ShardHandle> {
        self.shards.get()?.get(index)
    }

    /// Adds a connection that waits for its first check; gives its id.
    pub(crate) fn insert(&self, setup: Box<LegSetup>, now: Instant) -> Result<u64, InsertError> {
        let mut table = self.table.lock();
        if table.closed {
            return Err(InsertError::Closed);
        }
        if table.legs.len() >= self.limit {
            return Err(InsertError::Exhausted);
        }
        table.next += 1;
        let id = table.next;
        table.ufrags.insert(setup.ice.ufrag.clone(), id);
        let (ufrags, shared) = (vec![setup.ice.ufrag.clone()], setup.shared.clone());
        table.legs.insert(id, Entry { place: Place::Waiting(setup, now), ufrags, shared });
        Ok(id)
    }

    /// Adds a connection that needs no checks to the shards in turn; gives its id.
    pub(crate) fn insert_plain(&self, setup: Box<PlainSetup>) -> Result<u64, InsertError> {
        let (id, shard) = {
            let mut table = self.table.lock();
            if table.closed {
                return Err(InsertError::Closed);
            }
            if table.legs.len() >= self.limit {
                return Err(InsertError::Exhausted);
            }
            table.next += 1;
            let id = table.next;
            let shard = id as usize % self.shards.get().map_or(1, Vec::len);
            let entry =
                Entry { place: Place::Owned { shard }, ufrags: Vec::new(), shared: setup.shared.clone() };
            table.legs.insert(id, entry);
            (id, shard)
        };
        let handle = self.shard(shard).ok_or(InsertError::Closed)?;
        if handle.send(Command::Plain(id, setup)).is_err() {
            self.remove(id, &[]);
            return Err(InsertError::Exhausted);
        }
        Ok(id)
    }

    /// A check for `ufrag` has come to `shard`, which does not know it.
    pub(crate) fn claim(&self, ufrag: &str, shard: usize) -> Claim {
        let mut table = self.table.lock();
        let Some(&id) = table.ufrags.get(ufrag) else { return Claim::Unknown };
        let Some(entry) = table.legs.get_mut(&id) else { return Claim::Unknown };
        if let Place::Owned { shard: owner } = entry.place {
            return Claim::Owned(owner);
        }
        match std::mem::replace(&mut entry.place, Place::Owned { shard }) {
            Place::Waiting(setup, _) => Claim::Mine(id, setup),
            Place::Owned { .. } => Claim::Unknown,
        }
    }

    /// The shard that owns the connection of an address, for datagrams that came elsewhere.
    pub(crate) fn owner_of(&self, address: SocketAddr) -> Option<usize> {
        self.table.lock().addresses.get(&address).map(|&(_, shard)| shard)
    }

    /// A connection is reached from another address from now on.
    pub(crate) fn add_address(&self, id: u64, address: SocketAddr, shard: usize) {
        self.table.lock().addresses.insert(address, (id, shard));
    }

    /// A connection has given up an address.
    pub(crate) fn remove_address(&self, id: u64, address: SocketAddr) {
        let mut table = self.table.lock();
        if table.addresses.get(&address).is_some_and(|&(owner, _)| owner == id) {
            table.addresses.remove(&address);
        }
    }

    /// A connection no longer answers to a fragment.
    pub(crate) fn remove_ufrag(&self, id: u64, ufrag: &str) {
        let mut table = self.table.lock();
        if let Some(entry) = table.legs.get_mut(&id) {
            entry.ufrags.retain(|known| known != ufrag);
            table.ufrags.remove(ufrag);
        }
    }

    /// Hands a command to the connection, wherever it is.
    pub(crate) fn command(&self, id: u64, command: LegCommand) -> Result<(), Refused> {
        let shard = {
            let mut guard = self.table.lock();
            let table = &mut *guard;
            let entry = table.legs.get_mut(&id).ok_or(Refused::Ended)?;
            if let LegCommand::RestartIce(credentials) = &command {
                // At once: the viewer may use them before its shard has seen the command.
                entry.ufrags.push(credentials.ufrag.clone());
                table.ufrags.insert(credentials.ufrag.clone(), id);
            }
            match &mut entry.place {
                Place::Owned { shard } => *shard,
                Place::Waiting(..) if matches!(command, LegCommand::Close) => {
                    let entry = Self::remove_from(table, id, &[]);
                    drop(guard);
                    if let Some(entry) = entry {
                        entry.abandon(&CloseReason::Requested);
                    }
                    return Ok(());
                }
                Place::Waiting(setup, _) if setup.pending.len() < MAX_PENDING => {
                    setup.pending.push(command);
                    return Ok(());
                }
                Place::Waiting(..) => return Err(Refused::Full),
            }
        };
        self.shard(shard).ok_or(Refused::Ended)?.send(Command::Leg(id, command))
    }

    /// A connection has ended.
    pub(crate) fn remove(&self, id: u64, addresses: &[SocketAddr]) {
        Self::remove_from(&mut self.table.lock(), id, addresses);
    }

    fn remove_from(table: &mut Table, id: u64, addresses: &[SocketAddr]) -> Option<Entry> {
        let entry = table.legs.remove(&id)?;
        for ufrag in &entry.ufrags {
            table.ufrags.remove(ufrag);
        }
        for address in addresses {
            if table.addresses.get(address).is_some_and(|&(owner, _)| owner == id) {
                table.addresses.remove(address);
            }
        }
        Some(entry)
    }

    /// Drops connections that have waited for a check longer than `timeout`.
    pub(crate) fn expire(&self, now: Instant, timeout: Duration) {
        let mut table = self.table.lock();
        let late: Vec<u64> = table
            .legs
            .iter()
            .filter(|(_, entry)| {
                matches!(entry.place, Place::Waiting(_, since) if now.saturating_duration_since(since) > timeout)
            })
            .map(|(id, _)| *id)
            .collect();
        for id in late {
            if let Some(entry) = Self::remove_from(&mut table, id, &[]) {
                entry.abandon(&CloseReason::ConnectTimeout);
            }
        }
    }

    /// Takes no more connections, closes those that wait and tells every shard to end.
    pub(crate) fn shut_down(&self) {
        let waiting: Vec<_> = {
            let mut table = self.table.lock();
            table.closed = true;
            let ids: Vec<u64> = table
                .legs
                .iter()
                .filter(|(_, entry)| matches!(entry.place, Place::Waiting(..)))
                .map(|(id, _)| *id)
                .collect();
            ids.into_iter().filter_map(|id| Self::remove_from(&mut table, id, &[])).collect()
        };
        for entry in waiting {
            entry.abandon(&CloseReason::Shutdown);
        }
        for shard in self.shards.get().into_iter().flatten() {
            shard.shut_down();
        }
    }

    /// A shard has ended; connections that are still its own have ended with it.
    pub(crate) fn shard_ended(&self, index: usize) {
        let mut table = self.table.lock();
        let owned = |entry: &Entry| matches!(entry.place, Place::Owned { shard } if shard == index);
        let ids: Vec<u64> = table.legs.iter().filter(|(_, entry)| owned(entry)).map(|(id, _)| *id).collect();
        for id in ids {
            if let Some(entry) = Self::remove_from(&mut table, id, &[]) {
                entry.abandon(&CloseReason::Shutdown);
            }
        }
        table.addresses.retain(|_, (_, shard)| *shard != index);
    }

    /// Connections now, waiting ones included.
    pub(crate) fn len(&self) -> usize {
        self.table.lock().legs.len()
    }
}
