//! The repositories of vas-core's ports on the database.

mod bookmark;
mod capture;
mod device;
mod recording;
mod recording_option;
mod snapshot;
mod stream;

pub use bookmark::SqlBookmarks;
pub use device::SqlDevices;
pub use recording::SqlRecordings;
#[cfg(test)]
pub(super) use recording::plans as recording_plans;
pub(crate) use recording_option::{RecordingOptions, SqlRecordingOptions};
pub use snapshot::SqlSnapshots;
pub use stream::SqlStreams;

/// Rows in one statement: up to 22 parameters each, of which SQLite takes 32,766 and PostgreSQL 65,535.
const CHUNK: usize = 500;
