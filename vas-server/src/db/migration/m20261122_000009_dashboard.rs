//! What the dashboard keeps: alerts and who has seen them, figures over time, what people arrange, exports.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, double_null, integer, pk_uuid, string, text, text_null, uuid, uuid_null,
};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[derive(DeriveIden)]
enum Alerts {
    Table,
    Id,
    TenantId,
    DeviceId,
    StreamId,
    Severity,
    Code,
    Text,
    Action,
    SinceUs,
    UntilUs,
}

#[derive(DeriveIden)]
enum AlertAcks {
    Table,
    AlertId,
    Subject,
    Name,
    AtUs,
}

#[derive(DeriveIden)]
enum MetricSamples {
    Table,
    Subject,
    Step,
    At,
    IngestKbps,
    EgressKbps,
    Fps,
    Loss,
    Viewers,
    Live,
    Cpu,
    Memory,
    DiskFree,
    RecordingBytes,
}

#[derive(DeriveIden)]
enum UiDocuments {
    Table,
    TenantId,
    Subject,
    Name,
    Body,
    Version,
}

#[derive(DeriveIden)]
enum Exports {
    Table,
    Id,
    TenantId,
    Name,
    CreatedBy,
    StartUs,
    EndUs,
    Status,
    Problem,
    Files,
    CreatedUs,
    ExpiresUs,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        alerts(manager).await?;
        samples(manager).await?;
        documents(manager).await?;
        exports(manager).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(Exports::Table).to_owned()).await?;
        manager.drop_table(Table::drop().table(UiDocuments::Table).to_owned()).await?;
        manager.drop_table(Table::drop().table(MetricSamples::Table).to_owned()).await?;
        manager.drop_table(Table::drop().table(AlertAcks::Table).to_owned()).await?;
        manager.drop_table(Table::drop().table(Alerts::Table).to_owned()).await
    }
}

async fn alerts(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    // No foreign key on devices: what happened is told of when the device is gone, too.
    let table = Table::create()
        .table(Alerts::Table)
        .col(pk_uuid(Alerts::Id))
        .col(string(Alerts::TenantId))
        .col(uuid_null(Alerts::DeviceId))
        .col(uuid_null(Alerts::StreamId))
        .col(string(Alerts::Severity))
        .col(string(Alerts::Code))
        .col(text(Alerts::Text))
        .col(text(Alerts::Action))
        .col(big_integer(Alerts::SinceUs))
        .col(big_integer_null(Alerts::UntilUs))
        .to_owned();
    manager.create_table(table).await?;
    let mut since = Index::create();
    since.name("alerts_since").table(Alerts::Table).col(Alerts::TenantId).col(Alerts::SinceUs);
    manager.create_index(since).await?;
    // Those that are open, and those that are old.
    let mut until = Index::create();
    until.name("alerts_until").table(Alerts::Table).col(Alerts::UntilUs);
    manager.create_index(until).await?;
    let acks = Table::create()
        .table(AlertAcks::Table)
        .col(uuid(AlertAcks::AlertId))
        .col(string(AlertAcks::Subject))
        .col(text(AlertAcks::Name))
        .col(big_integer(AlertAcks::AtUs))
        .primary_key(Index::create().col(AlertAcks::AlertId).col(AlertAcks::Subject))
        .foreign_key(
            ForeignKey::create()
                .from(AlertAcks::Table, AlertAcks::AlertId)
                .to(Alerts::Table, Alerts::Id)
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned();
    manager.create_table(acks).await
}

async fn samples(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let table = Table::create()
        .table(MetricSamples::Table)
        .col(uuid(MetricSamples::Subject))
        .col(integer(MetricSamples::Step))
        .col(big_integer(MetricSamples::At))
        .col(double_null(MetricSamples::IngestKbps))
        .col(double_null(MetricSamples::EgressKbps))
        .col(double_null(MetricSamples::Fps))
        .col(double_null(MetricSamples::Loss))
        .col(double_null(MetricSamples::Viewers))
        .col(double_null(MetricSamples::Live))
        .col(double_null(MetricSamples::Cpu))
        .col(double_null(MetricSamples::Memory))
        .col(double_null(MetricSamples::DiskFree))
        .col(double_null(MetricSamples::RecordingBytes))
        .primary_key(
            Index::create().col(MetricSamples::Subject).col(MetricSamples::Step).col(MetricSamples::At),
        )
        .to_owned();
    manager.create_table(table).await?;
    // What is too old goes without a look at the rest.
    let mut age = Index::create();
    age.name("metric_samples_age").table(MetricSamples::Table);
    age.col(MetricSamples::Step).col(MetricSamples::At);
    manager.create_index(age).await
}

async fn documents(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let table = Table::create()
        .table(UiDocuments::Table)
        .col(string(UiDocuments::TenantId))
        .col(string(UiDocuments::Subject))
        .col(string(UiDocuments::Name))
        .col(text(UiDocuments::Body))
        .col(big_integer(UiDocuments::Version))
        .primary_key(
            Index::create().col(UiDocuments::TenantId).col(UiDocuments::Subject).col(UiDocuments::Name),
        )
        .to_owned();
    manager.create_table(table).await
}

async fn exports(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let table = Table::create()
        .table(Exports::Table)
        .col(pk_uuid(Exports::Id))
        .col(string(Exports::TenantId))
        .col(text(Exports::Name))
        .col(text(Exports::CreatedBy))
        .col(big_integer(Exports::StartUs))
        .col(big_integer(Exports::EndUs))
        .col(string(Exports::Status))
        .col(text_null(Exports::Problem))
        .col(text(Exports::Files))
        .col(big_integer(Exports::CreatedUs))
        .col(big_integer(Exports::ExpiresUs))
        .to_owned();
    manager.create_table(table).await?;
    let mut status = Index::create();
    status.name("exports_status").table(Exports::Table).col(Exports::Status).col(Exports::Id);
    manager.create_index(status).await
}
