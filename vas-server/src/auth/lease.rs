//! For how long a credential holds, and what was taken back before its time.
//!
//! Credentials name ids: their own, that of the family of tokens or of the key they come from, and their account with
//! its epoch, which each change of its rights raises. Taking back is naming such an id. The list is in memory, so that
//! a request needs no query for it; it is stored as well, and read again every few seconds for what other nodes took
//! back. Entries go when all that they concern has expired anyway.

use parking_lot::RwLock;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::watch;
use uuid::Uuid;
use vas_core::WallTime;

/// What is taken back: whatever names this id, and is of an epoch before this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Revocation {
    /// Of a token, a family, a key, a session or an account.
    pub(crate) id: Uuid,
    /// Credentials of this epoch and later hold; [`Revocation::ALL`]: none does.
    pub(crate) epoch: i64,
    /// When nothing that it concerns would hold any more.
    pub(crate) expires_at: WallTime,
}

impl Revocation {
    /// No epoch is left.
    pub(crate) const ALL: i64 = i64::MAX;
}

/// What was taken back. `Clone` hands out the same list.
#[derive(Clone, Debug)]
pub(crate) struct Revocations {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    list: RwLock<HashMap<Uuid, Revocation>>,
    changes: watch::Sender<()>,
}

impl Default for Revocations {
    fn default() -> Self {
        Self { inner: Arc::new(Inner { list: RwLock::default(), changes: watch::Sender::default() }) }
    }
}

impl Revocations {
    /// Takes these back, here and now.
    pub(crate) fn add(&self, revocations: impl IntoIterator<Item = Revocation>) {
        let mut list = self.inner.list.write();
        let mut changed = false;
        for new in revocations {
            let known = list.entry(new.id).or_insert(Revocation { epoch: i64::MIN, ..new });
            changed |= new.epoch > known.epoch;
            known.epoch = known.epoch.max(new.epoch);
            known.expires_at = known.expires_at.max(new.expires_at);
        }
        drop(list);
        if changed {
            self.inner.changes.send_replace(());
        }
    }

    /// Forgets what concerns nothing any more.
    pub(crate) fn prune(&self, now: WallTime) {
        self.inner.list.write().retain(|_, revocation| revocation.expires_at > now);
    }

    /// A lease for a credential of these ids.
    pub(crate) fn lease(&self, ids: Vec<Named>) -> Lease {
        Lease(Some(Arc::new(Held { ids, revocations: self.clone() })))
    }

    /// Whether a credential of these ids was taken back.
    pub(crate) fn concern(&self, ids: &[Named]) -> bool {
        let list = self.inner.list.read();
        ids.iter().any(|named| list.get(&named.id).is_some_and(|revoked| named.epoch < revoked.epoch))
    }
}

/// An id that a credential names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    /// The id.
    pub(crate) id: Uuid,
    /// The epoch that it was issued in; 0 for what has none.
    pub(crate) epoch: i64,
}

impl Named {
    /// Of something that has no epochs.
    pub(crate) const fn new(id: Uuid) -> Self {
        Self { id, epoch: 0 }
    }
}

/// Tells when a credential is taken back: sessions that were opened with it end then.
#[derive(Clone, Debug)]
pub(crate) struct Lease(Option<Arc<Held>>);

#[derive(Debug)]
struct Held {
    ids: Vec<Named>,
    revocations: Revocations,
}

impl Lease {
    /// Nobody takes it back.
    pub(crate) const fn unlimited() -> Self {
        Self(None)
    }

    /// The ids without an epoch: what is made with the credential ends with them, too.
    pub(crate) fn ids(&self) -> Vec<Uuid> {
        let named = self.0.iter().flat_map(|held| &held.ids);
        named.filter(|named| named.epoch == 0).map(|named| named.id).collect()
    }

    /// Whether it was taken back.
    pub(crate) fn is_over(&self) -> bool {
        self.0.as_ref().is_some_and(|held| held.revocations.concern(&held.ids))
    }

    /// Returns when it is taken back. Cancel-safe.
    pub(crate) async fn over(&self) {
        let Some(held) = &self.0 else { return std::future::pending().await };
        let mut changes = held.revocations.inner.changes.subscribe();
        while !self.is_over() {
            if changes.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATER: WallTime = WallTime::from_unix_micros(10);

    fn revoke(id: Uuid, epoch: i64) -> [Revocation; 1] {
        [Revocation { id, epoch, expires_at: LATER }]
    }

    #[tokio::test]
    async fn a_lease_ends_when_one_of_its_ids_is_named() {
        let revocations = Revocations::default();
        let [token, account] = [Uuid::now_v7(), Uuid::now_v7()];
        let lease = revocations.lease(vec![Named::new(token), Named { id: account, epoch: 3 }]);
        revocations.add(revoke(Uuid::now_v7(), Revocation::ALL));
        revocations.add(revoke(account, 3));
        assert!(!lease.is_over(), "of this epoch it holds");
        let waiting = lease.clone();
        let over = async move { waiting.over().await };
        let revoking = async { revocations.add(revoke(account, 4)) };
        tokio::join!(over, revoking);
        assert!(lease.is_over());
        revocations.add(revoke(account, 1));
        assert!(lease.is_over(), "what was taken back stays so");
        assert!(!Lease::unlimited().is_over());
    }

    #[test]
    fn what_has_expired_is_forgotten() {
        let revocations = Revocations::default();
        let id = Uuid::now_v7();
        revocations.add(revoke(id, Revocation::ALL));
        revocations.prune(WallTime::from_unix_micros(9));
        assert!(revocations.lease(vec![Named::new(id)]).is_over());
        revocations.prune(LATER);
        assert!(revocations.inner.list.read().is_empty());
    }
}
