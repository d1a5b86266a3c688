//! The sub streams of devices.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::text_null;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[derive(DeriveIden)]
enum Devices {
    Table,
    SubRtspUrl,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let column = text_null(Devices::SubRtspUrl);
        manager.alter_table(Table::alter().table(Devices::Table).add_column(column).to_owned()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let column = Devices::SubRtspUrl;
        manager.alter_table(Table::alter().table(Devices::Table).drop_column(column).to_owned()).await
    }
}
