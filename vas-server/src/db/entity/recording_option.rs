//! Table `recording_options`: how single devices are recorded, where that differs from the settings.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "recording_options")]
pub(in crate::db) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(in crate::db) device_id: Uuid,
    pub(in crate::db) mode: Option<String>,
    pub(in crate::db) retention_days: Option<i32>,
    pub(in crate::db) wanted: Option<bool>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(in crate::db) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
