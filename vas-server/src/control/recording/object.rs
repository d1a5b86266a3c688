//! Object stores, as the settings say.

use super::storage::StorageError;
use crate::config::{Config, S3Config};
use std::sync::Arc;
use std::time::Duration;
use vas_core::ports::store::SegmentStore;
use vas_core::{SharedClock, TaskScope};
use vas_record::store::{LocalStore, ObjectOptions, ObjectStore, TieredConfig, TieredStore};

/// The object store of the settings. Nothing is sent yet; uploads run in `scope`.
pub(super) fn open(settings: &S3Config, scope: &TaskScope) -> Result<Arc<dyn SegmentStore>, StorageError> {
    let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let options = ObjectOptions {
        endpoint: given(&settings.endpoint),
        region: given(&settings.region),
        access_key_id: given(&settings.access_key),
        secret_access_key: Some(settings.secret_key.secret().clone())
            .filter(|_| !settings.secret_key.is_empty()),
        allow_http: settings.allow_http,
        // What every store but AWS takes.
        path_style: !settings.endpoint.is_empty(),
        ..ObjectOptions::default()
    };
    let store = ObjectStore::from_url(&settings.url, options, scope.child());
    Ok(Arc::new(store.map_err(|error| StorageError::Object(Box::new(error)))?))
}

/// The folder before the object store.
pub(super) async fn open_tiered(
    config: &Config,
    local: LocalStore,
    clock: SharedClock,
    scope: &TaskScope,
) -> Result<Arc<dyn SegmentStore>, StorageError> {
    let remote = open(&config.recording.s3, scope)?;
    let tiers = TieredConfig {
        keep_local: Duration::from_secs(u64::from(config.recording.keep_local_hours) * 3_600),
        ..TieredConfig::default()
    };
    let store = TieredStore::open(local, remote, tiers, clock, scope).await;
    Ok(Arc::new(store.map_err(|error| StorageError::Object(Box::new(error)))?))
}
