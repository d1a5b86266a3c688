//! The server: vas-ingest and vas-sfu behind one HTTP port, with a database for what must outlive a restart.
//!
//! ```text
//! HTTP --> control --> Supervisor (vas-ingest) --> hub --> Router (vas-sfu) --> viewers
//!             |
//!             `------> database: devices, streams, histories of states
//! ```
//!
//! The library is what the program `vas-server` is made of: [`App`] runs everything on the ports of a
//! [`config::Config`], so that tests drive the real thing.
//!
//! Deliberately absent: media. This crate moves no packet; it tells the crates that do what is wanted. [`archive`] is
//! what the tools of the command line work on, beside a running server or without one.

pub mod app;
pub mod archive;
pub mod auth;
pub mod checkup;
pub mod config;
mod control;
mod db;
#[cfg(feature = "test-camera")]
pub mod demo;
mod http;
pub mod import;
mod instance;
mod key_file;
mod keyring;
pub mod logging;
pub mod portable;
pub mod registry;
mod reload;
mod rfc3339;
mod ws;

pub use app::{Addresses, App, StartError, run};
pub use db::{
    Database, DatabaseError, DeviceOptions, DeviceTransport, Filled, SqlBookmarks, SqlDeviceOptions,
    SqlDevices, SqlRecordings, SqlSnapshots, SqlStreams,
};
pub use http::{ListenError, TlsError, openapi};
pub use keyring::{Keyring, KeyringError};
