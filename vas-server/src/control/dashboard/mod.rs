//! What the dashboard shows beside devices and streams.
//!
//! ```text
//! recordings, index --> timeline, pictures, exports
//! streams, machine ---> alerts, history          (looked at every few seconds, kept in the database)
//! all of that --------> activity
//! ```

pub(crate) mod activity;
pub(crate) mod alerts;
pub(crate) mod documents;
pub(crate) mod exports;
pub(crate) mod history;
mod kept;
mod machine;
pub(crate) mod pictures;
mod room;
pub(crate) mod timeline;

use super::{Control, Recordings};
use crate::auth::Subject;
use crate::db::{Database, SqlAlerts, SqlAudit, SqlChanges, SqlDocuments, SqlExports, SqlSamples};
use exports::Exports;
use pictures::Pictures;
use room::Rooms;
use std::sync::Arc;
use timeline::Sums;
use vas_core::hub::StreamHub;
use vas_core::{SharedClock, TaskScope};
use vas_sfu::Sfu;

/// Everything that the dashboard's calls share. `Clone` hands out the same.
#[derive(Clone, Debug)]
pub(crate) struct Dashboard {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    sums: Sums,
    changes: SqlChanges,
    audit: SqlAudit,
    alerts: SqlAlerts,
    documents: SqlDocuments,
    samples: SqlSamples,
    export_repo: SqlExports,
    exports: Exports,
    pictures: Pictures,
    rooms: Rooms,
    sfu: Sfu,
}

impl Dashboard {
    pub(crate) fn new(
        database: &Database,
        recordings: Recordings,
        sfu: Sfu,
        hub: StreamHub,
        clock: SharedClock,
    ) -> Self {
        let inner = Inner {
            sums: Sums::new(database.recordings(), clock.clone()),
            changes: database.changes(),
            audit: database.audit(),
            alerts: database.alerts(),
            documents: database.ui_documents(),
            samples: database.samples(),
            export_repo: database.exports(),
            exports: Exports::default(),
            pictures: Pictures::new(hub, clock.clone()),
            rooms: Rooms::new(recordings, clock),
            sfu,
        };
        Self { inner: Arc::new(inner) }
    }

    /// Sums of what was recorded.
    fn sums(&self) -> &Sums {
        &self.inner.sums
    }

    fn changes(&self) -> &SqlChanges {
        &self.inner.changes
    }

    fn audit(&self) -> &SqlAudit {
        &self.inner.audit
    }

    fn alert_repo(&self) -> &SqlAlerts {
        &self.inner.alerts
    }

    fn documents(&self) -> &SqlDocuments {
        &self.inner.documents
    }

    fn samples(&self) -> &SqlSamples {
        &self.inner.samples
    }

    fn pictures(&self) -> &Pictures {
        &self.inner.pictures
    }

    fn rooms(&self) -> &Rooms {
        &self.inner.rooms
    }

    fn sfu(&self) -> &Sfu {
        &self.inner.sfu
    }
}

impl Control {
    /// Starts what the dashboard needs done beside the calls, in `scope`.
    pub(crate) fn serve_dashboard(&self, scope: &TaskScope) {
        scope.spawn_until_cancelled("alerts", self.clone().watch());
        scope.spawn_until_cancelled("figures", self.clone().sample());
        scope.spawn_until_cancelled("exports", self.clone().make_exports());
    }
}

/// The account that something is kept for.
fn account_of(subject: &Subject) -> String {
    match subject {
        Subject::Anyone => "anyone".to_owned(),
        Subject::User(id) => format!("user:{id}"),
        Subject::Client(id) => format!("client:{id}"),
        Subject::External(name) => format!("external:{name}"),
    }
}
