//! How single devices are recorded, where that differs from the settings.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{boolean_null, integer_null, pk_uuid, string_null};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[derive(DeriveIden)]
enum RecordingOptions {
    Table,
    DeviceId,
    Mode,
    RetentionDays,
    Wanted,
}

#[derive(DeriveIden)]
enum Devices {
    Table,
    Id,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table(RecordingOptions::Table)
            .col(pk_uuid(RecordingOptions::DeviceId))
            .col(string_null(RecordingOptions::Mode))
            .col(integer_null(RecordingOptions::RetentionDays))
            .col(boolean_null(RecordingOptions::Wanted))
            .foreign_key(
                ForeignKey::create()
                    .from(RecordingOptions::Table, RecordingOptions::DeviceId)
                    .to(Devices::Table, Devices::Id)
                    .on_delete(ForeignKeyAction::Cascade),
            )
            .to_owned();
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(RecordingOptions::Table).to_owned()).await
    }
}
