//! What the dashboard keeps, in the database.

mod alerts;
mod changes;
mod documents;
mod exports;
mod samples;
#[cfg(test)]
mod tests;

pub(crate) use alerts::{Ack, Alert, AlertId, Severity, SqlAlerts};
pub(crate) use changes::SqlChanges;
pub(crate) use documents::{Document, Of as DocumentOf, SqlDocuments, Stored};
pub(crate) use exports::{Export, ExportFile, ExportId, ExportStatus, SqlExports};
pub(crate) use samples::{Figures, Sample, SqlSamples};
