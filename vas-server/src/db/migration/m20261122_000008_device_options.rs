//! How single devices are run, where that differs from the usual.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{boolean, integer_null, pk_uuid, string, string_null};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[derive(DeriveIden)]
enum DeviceOptions {
    Table,
    DeviceId,
    TenantId,
    OnDemand,
    IdleSeconds,
    Autostart,
    // `group` is a word of SQL.
    GroupName,
    Transport,
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
            .table(DeviceOptions::Table)
            .col(pk_uuid(DeviceOptions::DeviceId))
            .col(string(DeviceOptions::TenantId))
            .col(boolean(DeviceOptions::OnDemand))
            .col(integer_null(DeviceOptions::IdleSeconds))
            .col(boolean(DeviceOptions::Autostart))
            .col(string_null(DeviceOptions::GroupName))
            .col(string_null(DeviceOptions::Transport))
            .foreign_key(
                ForeignKey::create()
                    .from(DeviceOptions::Table, DeviceOptions::DeviceId)
                    .to(Devices::Table, Devices::Id)
                    .on_delete(ForeignKeyAction::Cascade),
            )
            .to_owned();
        manager.create_table(table).await?;
        let mut index = Index::create();
        index.name("device_options_tenant").table(DeviceOptions::Table).col(DeviceOptions::TenantId);
        manager.create_index(index).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(DeviceOptions::Table).to_owned()).await
    }
}
