//! Devices, their streams, and the histories of the streams' states.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, boolean, pk_uuid, string, string_null, text, text_null, timestamp_with_time_zone,
    timestamp_with_time_zone_null, uuid,
};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[derive(DeriveIden)]
enum Devices {
    Table,
    Id,
    TenantId,
    Name,
    RtspUrl,
    Description,
    Location,
    CreatedAt,
    UpdatedAt,
}

#[derive(DeriveIden)]
enum Streams {
    Table,
    Id,
    TenantId,
    DeviceId,
    Name,
    Wanted,
    Closed,
    CreatedAt,
    StartedAt,
    StoppedAt,
}

#[derive(DeriveIden)]
enum StateTransitions {
    Table,
    Id,
    StreamId,
    FromState,
    ToState,
    ReasonCode,
    Reason,
    At,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        devices(manager).await?;
        streams(manager).await?;
        state_transitions(manager).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(StateTransitions::Table).to_owned()).await?;
        manager.drop_table(Table::drop().table(Streams::Table).to_owned()).await?;
        manager.drop_table(Table::drop().table(Devices::Table).to_owned()).await
    }
}

async fn devices(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let table = Table::create()
        .table(Devices::Table)
        .col(pk_uuid(Devices::Id))
        .col(string(Devices::TenantId))
        .col(string(Devices::Name))
        .col(text(Devices::RtspUrl))
        .col(text_null(Devices::Description))
        .col(text_null(Devices::Location))
        .col(timestamp_with_time_zone(Devices::CreatedAt))
        .col(timestamp_with_time_zone_null(Devices::UpdatedAt))
        .to_owned();
    manager.create_table(table).await?;
    for (name, column) in
        [("devices_tenant_name", Devices::Name), ("devices_tenant_rtsp_url", Devices::RtspUrl)]
    {
        let mut index = Index::create();
        index.name(name).table(Devices::Table).col(Devices::TenantId).col(column).unique();
        manager.create_index(index).await?;
    }
    Ok(())
}

async fn streams(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let table = Table::create()
        .table(Streams::Table)
        .col(pk_uuid(Streams::Id))
        .col(string(Streams::TenantId))
        .col(uuid(Streams::DeviceId))
        .col(string_null(Streams::Name))
        .col(boolean(Streams::Wanted))
        .col(boolean(Streams::Closed))
        .col(timestamp_with_time_zone(Streams::CreatedAt))
        .col(timestamp_with_time_zone(Streams::StartedAt))
        .col(timestamp_with_time_zone_null(Streams::StoppedAt))
        .foreign_key(
            ForeignKey::create()
                .from(Streams::Table, Streams::DeviceId)
                .to(Devices::Table, Devices::Id)
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned();
    manager.create_table(table).await?;
    // One stream that is not closed per device.
    let mut open = Index::create();
    open.name("streams_open_device").table(Streams::Table).col(Streams::DeviceId).unique();
    open.cond_where(Expr::col(Streams::Closed).eq(false));
    manager.create_index(open).await?;
    // Deleting a device looks for all its streams.
    let mut device = Index::create();
    device.name("streams_device").table(Streams::Table).col(Streams::DeviceId);
    manager.create_index(device).await
}

async fn state_transitions(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let table = Table::create()
        .table(StateTransitions::Table)
        .col(big_integer(StateTransitions::Id).primary_key().auto_increment())
        .col(uuid(StateTransitions::StreamId))
        .col(string(StateTransitions::FromState))
        .col(string(StateTransitions::ToState))
        .col(string(StateTransitions::ReasonCode))
        .col(text(StateTransitions::Reason))
        .col(timestamp_with_time_zone(StateTransitions::At))
        .foreign_key(
            ForeignKey::create()
                .from(StateTransitions::Table, StateTransitions::StreamId)
                .to(Streams::Table, Streams::Id)
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned();
    manager.create_table(table).await?;
    let mut index = Index::create();
    index.name("state_transitions_stream").table(StateTransitions::Table);
    index.col(StateTransitions::StreamId).col(StateTransitions::Id);
    manager.create_index(index).await
}
