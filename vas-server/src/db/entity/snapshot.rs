//! Table `snapshots`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "snapshots")]
pub(in crate::db) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(in crate::db) id: Uuid,
    pub(in crate::db) tenant_id: String,
    pub(in crate::db) device_id: Uuid,
    pub(in crate::db) stream_id: Uuid,
    pub(in crate::db) taken_us: i64,
    pub(in crate::db) source: String,
    pub(in crate::db) created_by: String,
    pub(in crate::db) metadata: String,
    pub(in crate::db) status: String,
    pub(in crate::db) problem: Option<String>,
    pub(in crate::db) image_key: Option<String>,
    pub(in crate::db) image_bytes: Option<i64>,
    pub(in crate::db) width: Option<i64>,
    pub(in crate::db) height: Option<i64>,
    pub(in crate::db) created_us: i64,
    /// Its file is to go, and the row after it.
    pub(in crate::db) deleted: bool,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(in crate::db) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
