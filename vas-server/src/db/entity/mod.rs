//! The rows as sea-orm knows them. They stay within `db`; the rest of the server sees the models of vas-core.

pub(super) mod account;
pub(super) mod bookmark;
pub(super) mod dashboard;
pub(super) mod device;
pub(super) mod device_option;
pub(super) mod fence;
pub(super) mod recording;
pub(super) mod recording_option;
pub(super) mod snapshot;
pub(super) mod stream;
pub(super) mod transition;
