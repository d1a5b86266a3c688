//! The rows as sea-orm knows them. They stay within `db`; the rest of the server sees the models of vas-core.

pub(super) mod device;
pub(super) mod stream;
pub(super) mod transition;
