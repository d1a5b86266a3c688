//! Table `bookmarks`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "bookmarks")]
pub(in crate::db) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(in crate::db) id: Uuid,
    pub(in crate::db) tenant_id: String,
    pub(in crate::db) device_id: Uuid,
    pub(in crate::db) stream_id: Uuid,
    pub(in crate::db) center_us: i64,
    pub(in crate::db) start_us: i64,
    pub(in crate::db) end_us: i64,
    pub(in crate::db) source: String,
    pub(in crate::db) label: Option<String>,
    pub(in crate::db) created_by: String,
    pub(in crate::db) event_type: Option<String>,
    pub(in crate::db) confidence: Option<f64>,
    /// A JSON array of texts.
    pub(in crate::db) tags: String,
    pub(in crate::db) metadata: String,
    pub(in crate::db) status: String,
    pub(in crate::db) problem: Option<String>,
    pub(in crate::db) video_key: Option<String>,
    pub(in crate::db) video_bytes: Option<i64>,
    pub(in crate::db) thumbnail_key: Option<String>,
    pub(in crate::db) thumbnail_bytes: Option<i64>,
    pub(in crate::db) created_us: i64,
    /// Its files are to go, and the row after them.
    pub(in crate::db) deleted: bool,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(in crate::db) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
