//! The schema, as dated steps. A step that was released is never changed: a later one changes what it did.

mod m20261122_000001_devices_and_streams;
mod m20261122_000002_sub_streams;

use sea_orm_migration::prelude::{MigrationTrait, MigratorTrait};

/// All steps, the oldest first.
#[derive(Debug)]
pub(super) struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261122_000001_devices_and_streams::Migration),
            Box::new(m20261122_000002_sub_streams::Migration),
        ]
    }
}
