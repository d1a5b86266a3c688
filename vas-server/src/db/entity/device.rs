//! Table `devices`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "devices")]
pub(in crate::db) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(in crate::db) id: Uuid,
    pub(in crate::db) tenant_id: String,
    pub(in crate::db) name: String,
    /// Sealed, as is the address of the sub stream.
    pub(in crate::db) rtsp_url: String,
    /// Tells equal addresses apart from others; null for a row that an older version wrote.
    pub(in crate::db) rtsp_url_digest: Option<String>,
    pub(in crate::db) sub_rtsp_url: Option<String>,
    pub(in crate::db) description: Option<String>,
    pub(in crate::db) location: Option<String>,
    pub(in crate::db) created_at: DateTimeUtc,
    pub(in crate::db) updated_at: Option<DateTimeUtc>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(in crate::db) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
