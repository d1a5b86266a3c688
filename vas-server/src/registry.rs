//! Devices as tools see them, on the database: beside a running server to look, without one to change.
//!
//! What goes in and comes out looks as it does in the API, and is checked by the same code, so that tools work the same
//! on a database and on a server.

use crate::app::supervisor_for_checks;
use crate::config::{Config, Invalid};
use crate::control::recording::FolderLock;
use crate::control::{ControlError, NewDevice, checked_device};
use crate::db::{Database, DatabaseError};
use crate::http::{DeviceView, Fields, Problem, new_device};
use crate::instance::{Presence, presence};
use crate::portable::{Document, PortableDevice, SealError, Sealed, Secrets};
use serde_json::{Map, Value, json};
use std::collections::{HashMap, HashSet};
use vas_core::model::{Device, TenantId};
use vas_core::ports::{DeviceRepo, Page, RepoError, StreamFilter, StreamRecord, StreamRepo};
use vas_core::{Clock, DeviceId, ErrorKind, HasKind, Secret, StreamId, SystemClock};
use vas_ingest::Supervisor;

const ALL: Page = Page { offset: 0, limit: u64::MAX };

/// What a tool is going to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Look: a server may run.
    Look,
    /// Change: none may, for it would not notice.
    Change,
}

/// Why a tool can't work on the devices.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// A setting is out of the question.
    #[error("configuration: {0}")]
    Config(#[from] Invalid),
    /// The database can't be opened.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// A server runs and would not notice a change.
    #[error("a server runs on this data folder; add --server {0} --token TOKEN, so that it is told")]
    ServerRuns(String),
    /// The database does not answer.
    #[error(transparent)]
    Repo(#[from] RepoError),
    /// Nothing has this id or name.
    #[error("there is no device {0:?}; give its id or its name")]
    NoDevice(String),
    /// The passwords can't be encrypted.
    #[error(transparent)]
    Seal(#[from] SealError),
}

impl HasKind for RegistryError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Config(_) => ErrorKind::InvalidInput,
            Self::Database(error) => error.kind(),
            Self::ServerRuns(_) => ErrorKind::Conflict,
            Self::Repo(error) => error.kind(),
            Self::NoDevice(_) => ErrorKind::NotFound,
            Self::Seal(error) => error.kind(),
        }
    }
}

/// The devices of a configuration.
#[derive(Debug)]
#[must_use]
pub struct Registry {
    database: Database,
    /// Knows which hosts may be connected to; it connects to none.
    supervisor: Supervisor,
    tenant: TenantId,
    /// Keeps servers from starting while something is changed.
    _lock: Option<FolderLock>,
}

impl Registry {
    /// Opens the database.
    ///
    /// # Errors
    /// See [`RegistryError`].
    pub async fn open(config: &Config, purpose: Purpose) -> Result<Self, RegistryError> {
        config.validate()?;
        let lock = match presence(&config.data_dir) {
            Presence::Server(address) if purpose == Purpose::Change => {
                return Err(RegistryError::ServerRuns(address));
            }
            Presence::None(lock) if purpose == Purpose::Change => lock,
            _ => None,
        };
        let database = Database::open(config).await?;
        let supervisor = supervisor_for_checks(config)?;
        Ok(Self { database, supervisor, tenant: TenantId::default(), _lock: lock })
    }

    /// Closes the database.
    pub async fn close(self) {
        self.database.close().await;
    }

    /// The devices, as `GET /api/v1/devices` gives them.
    ///
    /// # Errors
    /// [`RegistryError::Repo`].
    pub async fn devices(&self) -> Result<Vec<Value>, RegistryError> {
        let devices = self.database.devices().list(&self.tenant, ALL).await?;
        let (streams, options) =
            (self.streams().await?, self.database.device_options().list(&self.tenant).await?);
        let view = |device: Device| {
            let options = options.get(&device.id).cloned().unwrap_or_default();
            let is_active = streams.get(&device.id).is_some_and(|stream| stream.wanted);
            json!(DeviceView::new(&device, options, is_active))
        };
        Ok(devices.into_iter().map(view).collect())
    }

    async fn streams(&self) -> Result<HashMap<DeviceId, StreamRecord>, RegistryError> {
        let streams = self.database.streams().list(&self.tenant, StreamFilter::default()).await?;
        Ok(streams.into_iter().map(|stream| (stream.device, stream)).collect())
    }

    /// Adds devices, each by itself, and answers as `POST /api/v1/devices/bulk` does. `trial`: only tells what would come
    /// of it.
    ///
    /// # Errors
    /// [`RegistryError::Repo`] before anything was added.
    pub async fn add(&self, rows: &[Map<String, Value>], trial: bool) -> Result<Value, RegistryError> {
        let there = self.database.devices().list(&self.tenant, ALL).await?;
        let mut names: HashSet<_> = there.iter().map(|device| device.fields.name.clone()).collect();
        let mut results = Vec::new();
        let mut failed = 0;
        for (index, row) in rows.iter().enumerate() {
            let name = row.get("name").and_then(Value::as_str);
            let mut result = json!({ "row": index + 1, "name": name, "id": null, "error": null });
            match self.add_one(row, trial, &mut names).await {
                Ok(Some(id)) => {
                    result["status"] = json!("added");
                    result["id"] = json!(id);
                }
                Ok(None) => result["status"] = json!("valid"),
                Err(problem) => {
                    failed += 1;
                    result["status"] = json!("failed");
                    result["error"] = problem.members();
                }
            }
            results.push(result);
        }
        Ok(json!({ "dry_run": trial, "added": results.len() - failed, "failed": failed, "results": results }))
    }

    async fn add_one(
        &self,
        row: &Map<String, Value>,
        trial: bool,
        names: &mut HashSet<String>,
    ) -> Result<Option<DeviceId>, Problem> {
        let mut fields = Fields::of_body(row.clone());
        let new = new_device(&mut fields);
        fields.finish()?;
        let NewDevice { options, .. } = new.clone();
        let fields = checked_device(&self.supervisor, new)?;
        if !names.insert(fields.name.clone()) {
            return Err(ControlError::from(RepoError::Taken { field: "name" }).into());
        }
        if trial {
            return Ok(None);
        }
        let (id, created_at) = (DeviceId::random(), SystemClock.wall());
        let device = Device { id, tenant: self.tenant.clone(), fields, created_at, updated_at: None };
        self.database.device_options().insert(&device, &options).await.map_err(ControlError::from)?;
        if options.on_demand || options.autostart {
            self.set_running(id, true).await.map_err(|error| match error {
                RegistryError::Repo(error) => ControlError::from(error),
                _ => ControlError::Internal,
            })?;
        }
        Ok(Some(id))
    }

    /// The id of the device that has this id or name.
    ///
    /// # Errors
    /// [`RegistryError::NoDevice`], [`RegistryError::Repo`].
    pub async fn device(&self, text: &str) -> Result<DeviceId, RegistryError> {
        let devices = self.database.devices().list(&self.tenant, ALL).await?;
        let id: Option<DeviceId> = text.parse().ok();
        let found = devices.iter().find(|device| Some(device.id) == id || device.fields.name == text);
        found.map(|device| device.id).ok_or_else(|| RegistryError::NoDevice(text.to_owned()))
    }

    /// Deletes a device; its recordings go when the server starts next.
    ///
    /// # Errors
    /// [`RegistryError::Repo`].
    pub async fn delete(&self, id: DeviceId) -> Result<(), RegistryError> {
        self.database.devices().delete(&self.tenant, id).await?;
        Ok(())
    }

    /// Says whether a device's stream is to run when the server starts next.
    ///
    /// # Errors
    /// [`RegistryError::Repo`].
    pub async fn set_running(&self, id: DeviceId, running: bool) -> Result<(), RegistryError> {
        let (streams, now) = (self.database.streams(), SystemClock.wall());
        match streams.of_device(&self.tenant, id).await? {
            Some(stream) if running && !stream.wanted => streams.start(stream.id, now).await?,
            Some(stream) if !running => streams.stop(stream.id, now).await?,
            None if running => {
                let stream = StreamRecord {
                    id: StreamId::random(),
                    tenant: self.tenant.clone(),
                    device: id,
                    name: None,
                    wanted: true,
                    created_at: now,
                    started_at: now,
                    stopped_at: None,
                    closed: false,
                };
                streams.insert(&stream).await?;
            }
            _ => {}
        }
        Ok(())
    }

    /// The devices as a document, with their passwords encrypted where a passphrase is given.
    ///
    /// # Errors
    /// [`RegistryError::Repo`], [`RegistryError::Seal`].
    pub async fn export(&self, passphrase: Option<&Secret>) -> Result<Document, RegistryError> {
        let mut document = Document::new(SystemClock.wall());
        let mut secrets = Secrets::default();
        let (streams, options) =
            (self.streams().await?, self.database.device_options().list(&self.tenant).await?);
        let recording: HashMap<_, _> = self.database.recording_options().all().await?.into_iter().collect();
        for device in self.database.devices().list(&self.tenant, ALL).await? {
            secrets.add_device(&device);
            let is_active = streams.get(&device.id).is_some_and(|stream| stream.wanted);
            let options = options.get(&device.id).cloned().unwrap_or_default();
            let recording = recording.get(&device.id).copied().unwrap_or_default();
            document.devices.push(PortableDevice::new(&device, options, recording, is_active));
        }
        document.secrets = passphrase.map(|passphrase| Sealed::new(&secrets, passphrase)).transpose()?;
        Ok(document)
    }
}

/// The devices of a CSV table, as `POST /api/v1/devices/bulk` reads it.
///
/// # Errors
/// What is wrong with it.
pub fn rows_of_csv(table: &[u8]) -> Result<Vec<Value>, String> {
    crate::http::rows_of_csv(table)
}
