//! Accounts and what proves them. Times are microseconds since the Unix epoch.

pub(in crate::db) mod api_key;
pub(in crate::db) mod audit;
pub(in crate::db) mod client;
pub(in crate::db) mod refresh_token;
pub(in crate::db) mod revocation;
pub(in crate::db) mod session;
pub(in crate::db) mod signing_key;
pub(in crate::db) mod user;
