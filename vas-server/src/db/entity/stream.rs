//! Table `streams`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "streams")]
pub(in crate::db) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(in crate::db) id: Uuid,
    pub(in crate::db) tenant_id: String,
    pub(in crate::db) device_id: Uuid,
    pub(in crate::db) name: Option<String>,
    pub(in crate::db) wanted: bool,
    pub(in crate::db) closed: bool,
    pub(in crate::db) created_at: DateTimeUtc,
    pub(in crate::db) started_at: DateTimeUtc,
    pub(in crate::db) stopped_at: Option<DateTimeUtc>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(in crate::db) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
