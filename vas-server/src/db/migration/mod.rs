//! The schema, as dated steps. A step that was released is never changed: a later one changes what it did.

mod m20261122_000001_devices_and_streams;
mod m20261122_000002_sub_streams;
mod m20261122_000003_recordings;
mod m20261122_000004_captures;
mod m20261122_000005_recording_options;
mod m20261122_000006_accounts;
mod m20261122_000007_camera_secrets;
mod m20261122_000008_device_options;
mod m20261122_000009_dashboard;

use sea_orm_migration::prelude::{MigrationTrait, MigratorTrait};

/// All steps, the oldest first.
#[derive(Debug)]
pub(super) struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261122_000001_devices_and_streams::Migration),
            Box::new(m20261122_000002_sub_streams::Migration),
            Box::new(m20261122_000003_recordings::Migration),
            Box::new(m20261122_000004_captures::Migration),
            Box::new(m20261122_000005_recording_options::Migration),
            Box::new(m20261122_000006_accounts::Migration),
            Box::new(m20261122_000007_camera_secrets::Migration),
            Box::new(m20261122_000008_device_options::Migration),
            Box::new(m20261122_000009_dashboard::Migration),
        ]
    }
}
