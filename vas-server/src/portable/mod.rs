//! The whole configuration as one document, to keep or to take to another server: devices with how they are run and
//! recorded, bookmarks' descriptions, users.
//!
//! Passwords are masked in it. With a passphrase they come along encrypted, all together in [`Document::secrets`].

mod seal;

pub use seal::{PASSPHRASE_CHARACTERS, SealError, Sealed};

use crate::config::RecordingMode;
use crate::db::{DeviceOptions, DeviceTransport, RecordingOptions};
use crate::rfc3339::time;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use utoipa::ToSchema;
use vas_core::model::{Bookmark, CameraUrl, Device};
use vas_core::{Secret, WallTime};

/// The version of the documents that this server writes. It reads those up to it.
pub const VERSION: u32 = 1;

/// A configuration.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// The version of its form: 1.
    #[schema(example = 1)]
    pub vas_configuration: u32,
    /// When it was written.
    #[serde(default)]
    pub exported_at: Option<String>,
    /// The devices, in the order of their creation.
    #[serde(default)]
    pub devices: Vec<PortableDevice>,
    /// The bookmarks' descriptions, without their media.
    #[serde(default)]
    pub bookmarks: Vec<PortableBookmark>,
    /// The users.
    #[serde(default)]
    pub users: Vec<PortableUser>,
    /// Passwords, encrypted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secrets: Option<Sealed>,
}

/// A device with how it is run and recorded.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PortableDevice {
    /// Its name, by which the rest of the document refers to it.
    pub name: String,
    /// Its address, the password masked.
    pub rtsp_url: String,
    /// The address of its sub stream, the password masked.
    #[serde(default)]
    pub sub_rtsp_url: Option<String>,
    /// Free text.
    #[serde(default)]
    pub description: Option<String>,
    /// Free text.
    #[serde(default)]
    pub location: Option<String>,
    /// A name under which several devices are shown together.
    #[serde(default)]
    pub group: Option<String>,
    /// Whether its stream runs.
    #[serde(default)]
    pub is_active: bool,
    /// Its stream runs only while somebody watches it.
    #[serde(default)]
    pub on_demand: bool,
    /// Seconds without viewers after which it sleeps then.
    #[serde(default)]
    pub idle_seconds: Option<u32>,
    /// Its stream is started with the server.
    #[serde(default)]
    pub autostart: bool,
    /// How media travels from the camera.
    #[serde(default)]
    pub transport: DeviceTransport,
    /// When it is recorded, where that differs from the settings.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "event")]
    pub recording_mode: Option<RecordingMode>,
    /// Days for which its recordings are kept, where that differs from the settings.
    #[serde(default)]
    pub retention_days: Option<u32>,
}

impl PortableDevice {
    /// A device as a document has it.
    pub(crate) fn new(
        device: &Device,
        options: DeviceOptions,
        recording: RecordingOptions,
        is_active: bool,
    ) -> Self {
        let fields = &device.fields;
        Self {
            name: fields.name.clone(),
            rtsp_url: fields.url.masked(),
            sub_rtsp_url: fields.sub_url.as_ref().map(CameraUrl::masked),
            description: fields.description.clone(),
            location: fields.location.clone(),
            group: options.group,
            is_active,
            on_demand: options.on_demand,
            idle_seconds: options.idle_seconds,
            autostart: options.autostart,
            transport: options.transport,
            recording_mode: recording.mode,
            retention_days: recording.retention_days,
        }
    }

    /// The fields of the request that adds such a device, with the addresses of `secrets` where those are known.
    #[must_use]
    pub fn request(&self, secrets: Option<&Secrets>) -> Map<String, Value> {
        let known = secrets.and_then(|secrets| secrets.devices.get(&self.name));
        let mut device = self.clone();
        if let Some(DeviceSecrets { rtsp_url, sub_rtsp_url }) = known {
            device.rtsp_url.clone_from(rtsp_url);
            device.sub_rtsp_url.clone_from(sub_rtsp_url);
        }
        let mut fields = match serde_json::to_value(device) {
            Ok(Value::Object(fields)) => fields,
            _ => Map::new(),
        };
        for other in ["is_active", "recording_mode", "retention_days"] {
            fields.remove(other);
        }
        fields
    }
}

/// A bookmark's description.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PortableBookmark {
    /// The name of its device.
    pub device: String,
    /// The moment it is about.
    pub center_timestamp: String,
    /// Seconds before it.
    pub before_seconds: f64,
    /// Seconds after it.
    pub after_seconds: f64,
    /// What somebody calls it.
    #[serde(default)]
    pub label: Option<String>,
    /// What happened.
    #[serde(default)]
    pub event_type: Option<String>,
    /// How sure a detector is of that, from 0 to 1.
    #[serde(default)]
    pub confidence: Option<f64>,
    /// Words to find it by.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Who made it.
    #[serde(default)]
    pub created_by: Option<String>,
    /// What its maker adds.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub metadata: Map<String, Value>,
}

impl PortableBookmark {
    /// A bookmark of the device of this name.
    pub(crate) fn new(bookmark: &Bookmark, device: String) -> Self {
        let seconds = |micros: i64| micros as f64 / 1e6;
        Self {
            device,
            center_timestamp: time(bookmark.center),
            before_seconds: seconds(bookmark.center.micros_since(bookmark.span.start)),
            after_seconds: seconds(bookmark.span.end.micros_since(bookmark.center)),
            label: bookmark.label.clone(),
            event_type: bookmark.event_type.clone(),
            confidence: bookmark.confidence,
            tags: bookmark.tags.clone(),
            created_by: Some(bookmark.created_by.clone()),
            metadata: serde_json::from_str(&bookmark.metadata).unwrap_or_default(),
        }
    }
}

/// A user.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PortableUser {
    /// The name to sign in with.
    pub name: String,
    /// `viewer`, `operator` or `admin`.
    #[schema(example = "viewer")]
    pub role: String,
    /// The names of the devices that it is limited to; null: all.
    #[serde(default)]
    pub devices: Option<Vec<String>>,
    /// Whether it is kept out.
    #[serde(default)]
    pub disabled: bool,
}

/// What a document keeps encrypted. Prints none of it.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct Secrets {
    /// By the devices' names.
    #[serde(default)]
    pub(crate) devices: BTreeMap<String, DeviceSecrets>,
    /// The hashes of passwords, by the users' names.
    #[serde(default)]
    pub(crate) users: BTreeMap<String, String>,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Secrets").finish_non_exhaustive()
    }
}

/// The addresses of a device with their passwords.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct DeviceSecrets {
    pub(crate) rtsp_url: String,
    #[serde(default)]
    pub(crate) sub_rtsp_url: Option<String>,
}

impl Secrets {
    /// Notes the addresses of a device. One that can't be decrypted here is left out.
    pub(crate) fn add_device(&mut self, device: &Device) {
        let fields = &device.fields;
        if fields.url.as_sealed().is_some() {
            return;
        }
        let sub = fields.sub_url.as_ref().filter(|url| url.as_sealed().is_none());
        let secrets = DeviceSecrets {
            rtsp_url: fields.url.expose().to_owned(),
            sub_rtsp_url: sub.map(|url| url.expose().to_owned()),
        };
        self.devices.insert(fields.name.clone(), secrets);
    }
}

/// Whether a text is the hash of a password as this server makes them: one of another cost could be made to hold up
/// whoever signs in.
pub(crate) fn is_password_hash(text: &str) -> bool {
    text.len() <= 200 && text.starts_with("$argon2id$v=19$m=19456,t=2,p=1$")
}

/// Why a document is not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DocumentError {
    /// A later version of the server wrote it.
    #[error("the document has version {0}; this server reads up to {VERSION}")]
    Version(u32),
    /// It holds secrets, and there is no passphrase.
    #[error("the document holds encrypted passwords; give its passphrase")]
    NoPassphrase,
    /// The secrets can't be read.
    #[error(transparent)]
    Seal(#[from] SealError),
}

impl Document {
    /// A document of now, with nothing in it.
    #[must_use]
    pub fn new(now: WallTime) -> Self {
        Self {
            vas_configuration: VERSION,
            exported_at: Some(time(now)),
            devices: Vec::new(),
            bookmarks: Vec::new(),
            users: Vec::new(),
            secrets: None,
        }
    }

    /// Checks its version and decrypts its secrets, if it has some. Takes about 50 ms of a core then.
    ///
    /// # Errors
    /// See [`DocumentError`].
    pub fn open(&self, passphrase: Option<&Secret>) -> Result<Option<Secrets>, DocumentError> {
        if self.vas_configuration == 0 || self.vas_configuration > VERSION {
            return Err(DocumentError::Version(self.vas_configuration));
        }
        match (&self.secrets, passphrase) {
            (None, _) => Ok(None),
            (Some(_), None) => Err(DocumentError::NoPassphrase),
            (Some(sealed), Some(passphrase)) => Ok(Some(sealed.open(passphrase)?)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn secrets_come_along_with_the_passphrase_alone() {
        let passphrase = Secret::new("correct horse battery");
        let mut secrets = Secrets::default();
        let urls = DeviceSecrets { rtsp_url: "rtsp://u:planted@cam/1".to_owned(), sub_rtsp_url: None };
        secrets.devices.insert("Gate".to_owned(), urls);
        let mut document = Document::new(WallTime::from_unix_micros(0));
        document.secrets = Some(Sealed::new(&secrets, &passphrase).unwrap());
        let text = serde_json::to_string(&document).unwrap();
        assert!(!text.contains("planted") && !format!("{secrets:?}").contains("planted"));
        let read: Document = serde_json::from_str(&text).unwrap();
        assert!(matches!(read.open(None), Err(DocumentError::NoPassphrase)));
        let wrong = Secret::new("another passphrase");
        assert!(matches!(read.open(Some(&wrong)), Err(DocumentError::Seal(SealError::Wrong))));
        let opened = read.open(Some(&passphrase)).unwrap().unwrap();
        let device: PortableDevice =
            serde_json::from_str(r#"{ "name": "Gate", "rtsp_url": "rtsp://u:***@cam/1" }"#).unwrap();
        assert_eq!(device.request(Some(&opened))["rtsp_url"], "rtsp://u:planted@cam/1");
        assert_eq!(device.request(None)["rtsp_url"], "rtsp://u:***@cam/1");
        assert!(Sealed::new(&secrets, &Secret::new("short")).is_err());
        let later = Document { vas_configuration: VERSION + 1, ..document };
        assert!(matches!(later.open(None), Err(DocumentError::Version(2))));
    }

    proptest! {
        #[test]
        fn any_document_is_taken_without_a_panic(text in "\\PC{0,80}") {
            let _ = serde_json::from_str::<Document>(&text);
            let sealed = serde_json::json!({ "form": "argon2id-aes256gcm", "salt": text, "nonce": text, "data": text });
            if let Ok(sealed) = serde_json::from_value::<Sealed>(sealed) {
                prop_assert!(sealed.open(&Secret::new("correct horse battery")).is_err());
            }
        }
    }
}
