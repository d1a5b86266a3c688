//! Table `device_options`: how single devices are run, where that differs from the usual.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "device_options")]
pub(in crate::db) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(in crate::db) device_id: Uuid,
    pub(in crate::db) tenant_id: String,
    pub(in crate::db) on_demand: bool,
    pub(in crate::db) idle_seconds: Option<i32>,
    pub(in crate::db) autostart: bool,
    pub(in crate::db) group_name: Option<String>,
    pub(in crate::db) transport: Option<String>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(in crate::db) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
