//! The audit log's way to the database: who signed in, who was refused, who changed what.
//!
//! Nobody waits for it. What comes faster than the database takes it is kept up to a bound, and beyond that dropped and
//! counted; the server's own log has it all the same.

use super::model::AuditEntry;
use crate::db::SqlAudit;
use std::net::IpAddr;
use std::time::Duration;
use tokio::sync::mpsc;
use uuid::Uuid;
use vas_core::model::TenantId;
use vas_core::{SharedClock, TaskScope};

/// Entries that wait for the database at most.
const MAX_WAITING: usize = 4_096;
/// Entries written at a time.
const BATCH: usize = 256;
/// Pause after the database failed.
const RETRY: Duration = Duration::from_secs(1);
/// Longest text of an entry, in characters.
const LONGEST: usize = 200;

/// What an entry tells.
#[derive(Clone, Debug)]
pub(crate) struct Event<'a> {
    /// Whose it is.
    pub(crate) tenant: &'a TenantId,
    /// Who did it.
    pub(crate) actor: &'a str,
    /// What it was.
    pub(crate) action: &'a str,
    /// What it was done to.
    pub(crate) target: Option<&'a str>,
    /// Whether it was done.
    pub(crate) allowed: bool,
    /// Where it was asked from.
    pub(crate) address: Option<IpAddr>,
}

/// Takes entries. `Clone` hands out the same.
#[derive(Clone, Debug)]
pub(super) struct Audit {
    entries: mpsc::Sender<AuditEntry>,
    clock: SharedClock,
}

impl Audit {
    /// Starts the writer. When `scope` is cancelled it writes what is left and ends.
    pub(super) fn start(repo: SqlAudit, clock: SharedClock, scope: &TaskScope) -> Self {
        let (entries, waiting) = mpsc::channel(MAX_WAITING);
        let ended = scope.clone();
        scope.spawn("audit log", async move { write(&repo, waiting, &ended).await });
        Self { entries, clock }
    }

    /// Notes what happened.
    pub(super) fn note(&self, event: &Event<'_>) {
        let short = |text: &str| text.chars().take(LONGEST).collect::<String>();
        let Event { tenant, actor, action, target, allowed, address } = event;
        tracing::info!(target: "vas_server::audit", actor, action, ?target, allowed, ?address, "audit");
        let entry = AuditEntry {
            id: Uuid::now_v7(),
            tenant: (*tenant).clone(),
            at: self.clock.wall(),
            actor: short(actor),
            action: short(action),
            target: target.map(short),
            allowed: *allowed,
            address: address.map(|address| address.to_string()),
        };
        if self.entries.try_send(entry).is_err() {
            tracing::warn!("an entry of the audit log was not stored: too many are waiting");
        }
    }
}

async fn write(repo: &SqlAudit, mut waiting: mpsc::Receiver<AuditEntry>, scope: &TaskScope) {
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        tokio::select! {
            count = waiting.recv_many(&mut batch, BATCH) => if count == 0 { return },
            () = scope.cancelled() => break,
        }
        while let Err(error) = repo.insert(&batch).await {
            tracing::warn!(%error, "the audit log can't be written at present");
            tokio::select! {
                () = tokio::time::sleep(RETRY) => {}
                () = scope.cancelled() => return,
            }
        }
        batch.clear();
    }
    while let Ok(entry) = waiting.try_recv() {
        batch.push(entry);
    }
    if let Err(error) = repo.insert(&batch).await {
        tracing::warn!(%error, entries = batch.len(), "the last entries of the audit log are lost");
    }
}
