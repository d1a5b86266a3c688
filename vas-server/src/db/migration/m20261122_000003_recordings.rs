//! The index of recordings, and the fences of those who write it.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, blob, boolean, pk_uuid, small_integer, string, text, uuid};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[derive(DeriveIden)]
enum Recordings {
    Table,
    Id,
    TenantId,
    DeviceId,
    StreamId,
    Layer,
    Run,
    StartUs,
    EndUs,
    Bytes,
    InitLen,
    Codecs,
    Width,
    Height,
    State,
    Fence,
    Thinned,
    Groups,
}

#[derive(DeriveIden)]
enum RecordingFences {
    Table,
    DeviceId,
    Fence,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        recordings(manager).await?;
        let fences = Table::create()
            .table(RecordingFences::Table)
            .col(pk_uuid(RecordingFences::DeviceId))
            .col(big_integer(RecordingFences::Fence))
            .to_owned();
        manager.create_table(fences).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(RecordingFences::Table).to_owned()).await?;
        manager.drop_table(Table::drop().table(Recordings::Table).to_owned()).await
    }
}

async fn recordings(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    // No foreign keys: a row stands for a file, and must not go before it.
    let table = Table::create()
        .table(Recordings::Table)
        .col(pk_uuid(Recordings::Id))
        .col(string(Recordings::TenantId))
        .col(uuid(Recordings::DeviceId))
        .col(uuid(Recordings::StreamId))
        .col(small_integer(Recordings::Layer))
        .col(uuid(Recordings::Run))
        .col(big_integer(Recordings::StartUs))
        .col(big_integer(Recordings::EndUs))
        .col(big_integer(Recordings::Bytes))
        .col(big_integer(Recordings::InitLen))
        .col(text(Recordings::Codecs))
        .col(big_integer(Recordings::Width))
        .col(big_integer(Recordings::Height))
        .col(string(Recordings::State))
        .col(big_integer(Recordings::Fence))
        .col(boolean(Recordings::Thinned))
        .col(blob(Recordings::Groups))
        .to_owned();
    manager.create_table(table).await?;
    // A range of one layer. With what a timeline and retention show, so that they are answered from the index alone:
    // rows of one camera lie far apart in the table, between those of all others.
    let mut timeline = Index::create();
    timeline.name("recordings_timeline").table(Recordings::Table);
    timeline.col(Recordings::DeviceId).col(Recordings::Layer).col(Recordings::State);
    timeline.col(Recordings::StartUs).col(Recordings::Id);
    timeline.col(Recordings::EndUs).col(Recordings::Bytes).col(Recordings::Thinned).col(Recordings::Run);
    manager.create_index(timeline).await?;
    // What is oldest of all, and what is unfinished.
    let mut oldest = Index::create();
    oldest.name("recordings_oldest").table(Recordings::Table);
    oldest.col(Recordings::State).col(Recordings::StartUs).col(Recordings::Id);
    manager.create_index(oldest).await
}
