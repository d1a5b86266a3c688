//! Bookmarks and snapshots.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, boolean, double_null, pk_uuid, string, string_null, text, text_null, uuid,
};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[derive(DeriveIden)]
enum Bookmarks {
    Table,
    Id,
    TenantId,
    DeviceId,
    StreamId,
    CenterUs,
    StartUs,
    EndUs,
    Source,
    Label,
    CreatedBy,
    EventType,
    Confidence,
    Tags,
    Metadata,
    Status,
    Problem,
    VideoKey,
    VideoBytes,
    ThumbnailKey,
    ThumbnailBytes,
    CreatedUs,
    Deleted,
}

#[derive(DeriveIden)]
enum Snapshots {
    Table,
    Id,
    TenantId,
    DeviceId,
    StreamId,
    TakenUs,
    Source,
    CreatedBy,
    Metadata,
    Status,
    Problem,
    ImageKey,
    ImageBytes,
    Width,
    Height,
    CreatedUs,
    Deleted,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        bookmarks(manager).await?;
        snapshots(manager).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(Snapshots::Table).to_owned()).await?;
        manager.drop_table(Table::drop().table(Bookmarks::Table).to_owned()).await
    }
}

async fn bookmarks(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    // No foreign keys, here and below: a row stands for files, and must not go before them.
    let table = Table::create()
        .table(Bookmarks::Table)
        .col(pk_uuid(Bookmarks::Id))
        .col(string(Bookmarks::TenantId))
        .col(uuid(Bookmarks::DeviceId))
        .col(uuid(Bookmarks::StreamId))
        .col(big_integer(Bookmarks::CenterUs))
        .col(big_integer(Bookmarks::StartUs))
        .col(big_integer(Bookmarks::EndUs))
        .col(string(Bookmarks::Source))
        .col(text_null(Bookmarks::Label))
        .col(text(Bookmarks::CreatedBy))
        .col(text_null(Bookmarks::EventType))
        .col(double_null(Bookmarks::Confidence))
        .col(text(Bookmarks::Tags))
        .col(text(Bookmarks::Metadata))
        .col(string(Bookmarks::Status))
        .col(text_null(Bookmarks::Problem))
        .col(string_null(Bookmarks::VideoKey))
        .col(big_integer_null(Bookmarks::VideoBytes))
        .col(string_null(Bookmarks::ThumbnailKey))
        .col(big_integer_null(Bookmarks::ThumbnailBytes))
        .col(big_integer(Bookmarks::CreatedUs))
        .col(boolean(Bookmarks::Deleted))
        .to_owned();
    manager.create_table(table).await?;
    let mut stream = Index::create();
    stream.name("bookmarks_stream").table(Bookmarks::Table);
    stream.col(Bookmarks::StreamId).col(Bookmarks::Id);
    manager.create_index(stream).await?;
    // What retention must keep of a device.
    let mut device = Index::create();
    device.name("bookmarks_device").table(Bookmarks::Table);
    device.col(Bookmarks::DeviceId).col(Bookmarks::StartUs);
    manager.create_index(device).await?;
    let mut status = Index::create();
    status.name("bookmarks_status").table(Bookmarks::Table);
    status.col(Bookmarks::Deleted).col(Bookmarks::Status).col(Bookmarks::Id);
    manager.create_index(status).await
}

async fn snapshots(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let table = Table::create()
        .table(Snapshots::Table)
        .col(pk_uuid(Snapshots::Id))
        .col(string(Snapshots::TenantId))
        .col(uuid(Snapshots::DeviceId))
        .col(uuid(Snapshots::StreamId))
        .col(big_integer(Snapshots::TakenUs))
        .col(string(Snapshots::Source))
        .col(text(Snapshots::CreatedBy))
        .col(text(Snapshots::Metadata))
        .col(string(Snapshots::Status))
        .col(text_null(Snapshots::Problem))
        .col(string_null(Snapshots::ImageKey))
        .col(big_integer_null(Snapshots::ImageBytes))
        .col(big_integer_null(Snapshots::Width))
        .col(big_integer_null(Snapshots::Height))
        .col(big_integer(Snapshots::CreatedUs))
        .col(boolean(Snapshots::Deleted))
        .to_owned();
    manager.create_table(table).await?;
    let mut stream = Index::create();
    stream.name("snapshots_stream").table(Snapshots::Table);
    stream.col(Snapshots::StreamId).col(Snapshots::Id);
    manager.create_index(stream).await?;
    let mut device = Index::create();
    device.name("snapshots_device").table(Snapshots::Table).col(Snapshots::DeviceId);
    manager.create_index(device).await?;
    let mut status = Index::create();
    status.name("snapshots_status").table(Snapshots::Table);
    status.col(Snapshots::Deleted).col(Snapshots::Status).col(Snapshots::Id);
    manager.create_index(status).await
}
