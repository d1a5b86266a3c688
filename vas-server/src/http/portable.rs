//! `GET /v2/export` and `POST /v2/import`: the whole configuration as one document.

use super::HttpState;
use super::bookmarks::read_new;
use super::device_fields::new_device;
use super::extract::{QueryFields, media_type, read_body};
use super::fields::Fields;
use super::guard::Scoped;
use super::problem::Problem;
use crate::auth::model::User;
use crate::auth::{DeviceAccess, UnknownRole};
use crate::control::bulk::{Added, BulkAdd};
use crate::control::{ControlError, StreamInfo};
use crate::portable::{
    Document, DocumentError, PortableBookmark, PortableDevice, PortableUser, Sealed, Secrets,
    is_password_hash,
};
use axum::Json;
use axum::extract::Request;
use axum::http::header::CONTENT_DISPOSITION;
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::IntoResponse;
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;
use vas_core::model::CaptureSource;
use vas_core::ports::{BookmarkFilter, Page, StreamFilter};
use vas_core::{DeviceId, Secret};

/// Where the passphrase of a document's passwords stands: not in the URL, which is logged and kept.
const X_PASSPHRASE: HeaderName = HeaderName::from_static("x-passphrase");
/// Largest document, in bytes.
const MAX_BODY: usize = 32 << 20;
/// Bookmarks that are read at a time, and users.
const PAGE: u64 = 1_000;
/// Most bookmarks of a document: the newest.
const MAX_BOOKMARKS: u64 = 100_000;

pub(super) fn routes() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new().routes(routes!(export)).routes(routes!(import))
}

/// What became of one entry of a document.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ImportedEntry {
    /// Its name; of a bookmark, its device and time.
    name: String,
    /// `added`, `valid` in a trial, `skipped` where it is there already or has nothing to belong to, or `failed`.
    #[schema(example = "added")]
    status: &'static str,
    /// Why, where it was not added.
    reason: Option<String>,
}

impl ImportedEntry {
    fn of(name: String, done: Result<&'static str, Left>) -> Self {
        match done {
            Ok(status) => Self { name, status, reason: None },
            Err(Left::Skipped(reason)) => Self { name, status: "skipped", reason: Some(reason) },
            Err(Left::Failed(reason)) => Self { name, status: "failed", reason: Some(reason) },
        }
    }
}

/// Why an entry was left.
enum Left {
    Skipped(String),
    Failed(String),
}

impl Left {
    #[expect(clippy::needless_pass_by_value, reason = "what maps an error takes it")]
    fn failed(error: impl ToString) -> Self {
        Self::Failed(error.to_string())
    }
}

/// What became of a document.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(super) struct ImportResult {
    /// Whether nothing was added, and this only tells what would have come of it.
    dry_run: bool,
    devices: Vec<ImportedEntry>,
    bookmarks: Vec<ImportedEntry>,
    users: Vec<ImportedEntry>,
}

/// Export the configuration
///
/// Devices with how they are run and recorded, bookmarks' descriptions, and users. Passwords are masked; with
/// `secrets=true` and a passphrase in the header `X-Passphrase` they come along encrypted.
#[utoipa::path(
    get, path = "/v2/export", tag = "System",
    params(
        ("secrets" = Option<bool>, Query, description = "Whether passwords come along, encrypted."),
        ("x-passphrase" = Option<String>, Header, description = "What they are encrypted with: 12 characters or more."),
    ),
    responses((status = 200, description = "The configuration.", body = Document)),
)]
async fn export(
    Scoped(state): Scoped<HttpState>,
    Ok(QueryFields(mut query)): Result<QueryFields, Infallible>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Problem> {
    let wants_secrets = query.parsed("secrets", "must be true or false").unwrap_or(false);
    let passphrase = passphrase(&headers);
    if wants_secrets && passphrase.is_none() {
        query.refuse("secrets", "give a passphrase in the header X-Passphrase");
    }
    query.finish()?;
    let mut secrets = Secrets::default();
    let mut document = Document::new(state.clock.wall());
    let names = state.export_devices(&mut document, &mut secrets).await?;
    state.export_bookmarks(&mut document, &names).await?;
    state.export_users(&mut document, &mut secrets, &names).await?;
    if let Some(passphrase) = passphrase.filter(|_| wants_secrets) {
        let sealed = on_thread(move || Sealed::new(&secrets, &passphrase)).await?;
        document.secrets = Some(sealed.map_err(|error| Problem::of(&error))?);
    }
    Ok(([(CONTENT_DISPOSITION, "attachment; filename=\"vas.json\"")], Json(document)))
}

/// Import a configuration
///
/// Adds what is not there yet; what is stays as it is. Each entry is added by itself, and what is wrong with one keeps no
/// other from being added. Bookmarks are made anew of what is recorded here.
#[utoipa::path(
    post, path = "/v2/import", tag = "System", request_body = Document,
    params(
        ("dry_run" = Option<bool>, Query, description = "Only tell what would come of it."),
        ("x-passphrase" = Option<String>, Header, description = "What the passwords are encrypted with."),
    ),
    responses((status = 200, description = "What became of each entry.", body = ImportResult)),
)]
async fn import(
    Scoped(state): Scoped<HttpState>,
    Ok(QueryFields(mut query)): Result<QueryFields, Infallible>,
    request: Request,
) -> Result<Json<ImportResult>, Problem> {
    let dry_run: bool = query.parsed("dry_run", "must be true or false").unwrap_or(false);
    query.finish()?;
    let kind = media_type(request.headers()).unwrap_or_else(|| "application/json".to_owned());
    if kind != "application/json" {
        let description = "send the document as application/json";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE", description));
    }
    let passphrase = passphrase(request.headers());
    let body = read_body(request, MAX_BODY).await?;
    let reader = &mut serde_json::Deserializer::from_slice(&body);
    let document: Document = serde_path_to_error::deserialize(reader).map_err(|error| {
        let path = error.path().to_string();
        let field = if path == "." { "body".to_owned() } else { path };
        Problem::fields(&BTreeMap::from([(field, error.into_inner().to_string())]))
    })?;
    let (document, opened) = on_thread(move || {
        let opened = document.open(passphrase.as_ref());
        (document, opened)
    })
    .await?;
    let secrets = opened.map_err(|error: DocumentError| {
        let field =
            if matches!(error, DocumentError::Version(_)) { "vas_configuration" } else { "X-Passphrase" };
        Problem::fields(&BTreeMap::from([(field.to_owned(), error.to_string())]))
    })?;
    let scope = state.control.scope().clone();
    // Carried through, also where the client goes away.
    let taken =
        scope.spawn("import", async move { state.import(&document, secrets.as_ref(), dry_run).await });
    taken.await.ok().flatten().ok_or_else(failed)?.map(Json)
}

fn failed() -> Problem {
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL_ERROR", "the server failed; its log says more")
}

/// Runs what computes for long apart from what answers requests.
async fn on_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work).await.map_err(|_| failed())
}

fn passphrase(headers: &HeaderMap) -> Option<Secret> {
    let text = headers.get(X_PASSPHRASE)?.to_str().ok()?;
    Some(Secret::new(text)).filter(|text| !text.expose().is_empty())
}

impl HttpState {
    /// Adds the devices; gives their names.
    async fn export_devices(
        &self,
        document: &mut Document,
        secrets: &mut Secrets,
    ) -> Result<HashMap<DeviceId, String>, Problem> {
        let control = &self.control;
        let devices = control.devices(Page { offset: 0, limit: u64::MAX }).await?;
        let (options, active) = (control.all_options().await?, control.active_devices().await?);
        let recording = control.recordings().all_options().await.map_err(ControlError::from)?;
        for device in &devices {
            let options = options.get(&device.id).cloned().unwrap_or_default();
            let recording = recording.get(&device.id).copied().unwrap_or_default();
            let is_active = active.contains(&device.id);
            document.devices.push(PortableDevice::new(device, options, recording, is_active));
            secrets.add_device(device);
        }
        Ok(devices.into_iter().map(|device| (device.id, device.fields.name)).collect())
    }

    async fn export_bookmarks(
        &self,
        document: &mut Document,
        names: &HashMap<DeviceId, String>,
    ) -> Result<(), Problem> {
        for offset in (0..MAX_BOOKMARKS).step_by(PAGE as usize) {
            let page = Page { offset, limit: PAGE };
            let (bookmarks, total) =
                self.control.captures().bookmarks(&BookmarkFilter::default(), page).await?;
            let known =
                bookmarks.iter().filter_map(|bookmark| Some((bookmark, names.get(&bookmark.device)?)));
            document
                .bookmarks
                .extend(known.map(|(bookmark, name)| PortableBookmark::new(bookmark, name.clone())));
            if offset + PAGE >= total {
                break;
            }
        }
        Ok(())
    }

    async fn export_users(
        &self,
        document: &mut Document,
        secrets: &mut Secrets,
        names: &HashMap<DeviceId, String>,
    ) -> Result<(), Problem> {
        let page = Page { offset: 0, limit: PAGE };
        let tenant = &self.control.sight().tenant;
        let (users, _) = self.database.accounts().users(tenant, page).await.map_err(ControlError::from)?;
        for user in users {
            let devices = match &user.devices {
                DeviceAccess::All => None,
                DeviceAccess::Only(ids) => Some(ids.iter().filter_map(|id| names.get(id).cloned()).collect()),
            };
            secrets.users.insert(user.name.clone(), user.password);
            let role = user.role.name().to_owned();
            document.users.push(PortableUser { name: user.name, role, devices, disabled: user.disabled });
        }
        Ok(())
    }

    async fn import(
        &self,
        document: &Document,
        secrets: Option<&Secrets>,
        dry_run: bool,
    ) -> Result<ImportResult, Problem> {
        let control = &self.control;
        let mut result = ImportResult { dry_run, ..ImportResult::default() };
        let there = control.devices(Page { offset: 0, limit: u64::MAX }).await?;
        let mut ids: HashMap<String, Option<DeviceId>> =
            there.into_iter().map(|device| (device.fields.name, Some(device.id))).collect();
        let mut bulk = control.add_many(dry_run).await?;
        for device in &document.devices {
            let done = if ids.contains_key(&device.name) {
                Err(Left::Skipped("a device of this name is there already".to_owned()))
            } else {
                self.import_device(&mut bulk, device, secrets).await.map(|id| {
                    ids.insert(device.name.clone(), id);
                    if dry_run { "valid" } else { "added" }
                })
            };
            result.devices.push(ImportedEntry::of(device.name.clone(), done));
        }
        let streams = control.streams(StreamFilter::default()).await?;
        let streams: HashMap<_, _> =
            streams.into_iter().map(|info| (info.device.fields.name.clone(), info)).collect();
        for bookmark in &document.bookmarks {
            let done = match streams.get(&bookmark.device) {
                Some(stream) => self.import_bookmark(stream, bookmark, dry_run).await,
                None => Err(Left::Skipped("nothing is recorded of its device here".to_owned())),
            };
            let name = format!("{} {}", bookmark.device, bookmark.center_timestamp);
            result.bookmarks.push(ImportedEntry::of(name, done));
        }
        for user in &document.users {
            let done = self.import_user(user, secrets, &ids, dry_run).await;
            result.users.push(ImportedEntry::of(user.name.clone(), done));
        }
        Ok(result)
    }

    /// Adds a device with how it is recorded, and starts its stream where that ran. Its id; `None` in a trial.
    async fn import_device(
        &self,
        bulk: &mut BulkAdd,
        device: &PortableDevice,
        secrets: Option<&Secrets>,
    ) -> Result<Option<DeviceId>, Left> {
        let mut fields = Fields::of_body(device.request(secrets));
        let new = new_device(&mut fields);
        fields.finish().map_err(|problem| Left::Failed(problem.members().to_string()))?;
        let Added::Device(id) = bulk.add(new).await.map_err(Left::failed)? else { return Ok(None) };
        if device.recording_mode.is_some() || device.retention_days.is_some() {
            let (mode, days) = (device.recording_mode, device.retention_days);
            let changed = self.control.recordings().change_options(id, |options| {
                options.mode = mode;
                options.retention_days = days;
            });
            changed.await.map_err(Left::failed)?;
        }
        if device.is_active {
            self.control.start(id).await.map_err(Left::failed)?;
        }
        Ok(Some(id))
    }

    async fn import_bookmark(
        &self,
        stream: &StreamInfo,
        bookmark: &PortableBookmark,
        dry_run: bool,
    ) -> Result<&'static str, Left> {
        let Ok(Value::Object(mut fields)) = serde_json::to_value(bookmark) else {
            return Err(Left::Failed("it can't be read".to_owned()));
        };
        fields.remove("device");
        let mut fields = Fields::of_body(fields);
        let new = read_new(stream, CaptureSource::Historical, &self.control.sight().name, &mut fields);
        fields.finish().map_err(|problem| Left::Failed(problem.members().to_string()))?;
        let filter = BookmarkFilter { device: Some(stream.device.id), ..BookmarkFilter::default() };
        let page = Page { offset: 0, limit: PAGE };
        let (there, _) = self.control.captures().bookmarks(&filter, page).await.map_err(Left::failed)?;
        if there.iter().any(|there| Some(there.center) == new.center && there.label == new.label) {
            return Err(Left::Skipped("it is there already".to_owned()));
        }
        if dry_run {
            return Ok("valid");
        }
        match self.control.captures().add_bookmark(new).await {
            Ok(_) => Ok("added"),
            Err(error) => Err(Left::Skipped(error.to_string())),
        }
    }

    /// Adds a user with the password that it had.
    async fn import_user(
        &self,
        user: &PortableUser,
        secrets: Option<&Secrets>,
        devices: &HashMap<String, Option<DeviceId>>,
        dry_run: bool,
    ) -> Result<&'static str, Left> {
        let accounts = self.database.accounts();
        if accounts.user_of_name(&user.name).await.map_err(Left::failed)?.is_some() {
            return Err(Left::Skipped("a user of this name is there already".to_owned()));
        }
        let password = secrets.and_then(|secrets| secrets.users.get(&user.name)).cloned();
        let Some(password) = password.filter(|hash| is_password_hash(hash)) else {
            let reason = "its password is not in the document; export with secrets, or add it with `vas-server user add`";
            return Err(Left::Skipped(reason.to_owned()));
        };
        let role = user.role.parse().map_err(|error: UnknownRole| Left::failed(error))?;
        let devices = match &user.devices {
            None => DeviceAccess::All,
            // Those that are not here it does not see.
            Some(names) => {
                let ids = names.iter().filter_map(|name| devices.get(name).copied().flatten());
                DeviceAccess::Only(std::sync::Arc::new(ids.collect()))
            }
        };
        if dry_run {
            return Ok("valid");
        }
        let user = User {
            id: Uuid::now_v7(),
            tenant: self.control.sight().tenant.clone(),
            name: user.name.clone(),
            password,
            role,
            devices,
            disabled: user.disabled,
            epoch: 0,
            created_at: self.clock.wall(),
            updated_at: None,
            last_login_at: None,
        };
        accounts.insert_user(&user).await.map_err(Left::failed)?;
        Ok("added")
    }
}
