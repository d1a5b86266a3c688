//! Rows of what the dashboard keeps.

pub(in crate::db) mod alert;
pub(in crate::db) mod alert_ack;
pub(in crate::db) mod export;
pub(in crate::db) mod metric_sample;
pub(in crate::db) mod ui_document;
