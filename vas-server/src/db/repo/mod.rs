//! The repositories of vas-core's ports on the database.

mod account;
mod bookmark;
mod capture;
mod dashboard;
mod device;
mod device_option;
mod recording;
mod recording_option;
mod snapshot;
mod stream;

pub(crate) use account::{SqlAccounts, SqlAudit, SqlCredentials};
pub use bookmark::SqlBookmarks;
pub(crate) use dashboard::{
    Ack, Alert, AlertId, Document, DocumentOf, Export, ExportFile, ExportId, ExportStatus, Figures, Sample,
    Severity, SqlAlerts, SqlChanges, SqlDocuments, SqlExports, SqlSamples, Stored,
};
pub use device::SqlDevices;
pub use device_option::{DeviceOptions, DeviceTransport, SqlDeviceOptions};
#[cfg(test)]
pub(super) use recording::plans as recording_plans;
pub use recording::{Filled, SqlRecordings};
pub(crate) use recording_option::{RecordingOptions, SqlRecordingOptions};
pub use snapshot::SqlSnapshots;
pub use stream::SqlStreams;

/// Rows in one statement: up to 22 parameters each, of which SQLite takes 32,766 and PostgreSQL 65,535.
const CHUNK: usize = 500;
