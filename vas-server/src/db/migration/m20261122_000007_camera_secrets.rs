//! Addresses of cameras are stored encrypted; which are equal, a digest tells.
//!
//! This step makes room. The rows that there are get encrypted right after all steps, by `sealing`, which has the keys;
//! a digest that is null marks one that is not yet.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::text_null;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[derive(DeriveIden)]
enum Devices {
    Table,
    TenantId,
    RtspUrl,
    RtspUrlDigest,
}

const OLD_INDEX: &str = "devices_tenant_rtsp_url";
const NEW_INDEX: &str = "devices_tenant_rtsp_url_digest";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let column = text_null(Devices::RtspUrlDigest);
        manager.alter_table(Table::alter().table(Devices::Table).add_column(column).to_owned()).await?;
        unique(manager, NEW_INDEX, Devices::RtspUrlDigest).await?;
        manager.drop_index(Index::drop().name(OLD_INDEX).table(Devices::Table).to_owned()).await
    }

    /// Leaves addresses encrypted.
    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        unique(manager, OLD_INDEX, Devices::RtspUrl).await?;
        manager.drop_index(Index::drop().name(NEW_INDEX).table(Devices::Table).to_owned()).await?;
        let column = Devices::RtspUrlDigest;
        manager.alter_table(Table::alter().table(Devices::Table).drop_column(column).to_owned()).await
    }
}

/// Two rows of a tenant never have the same in `column`, unless it is null.
async fn unique(manager: &SchemaManager<'_>, name: &str, column: Devices) -> Result<(), DbErr> {
    let mut index = Index::create();
    index.name(name).table(Devices::Table).col(Devices::TenantId).col(column).unique();
    manager.create_index(index).await
}
