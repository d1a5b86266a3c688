//! Table `alerts`: what needed attention, and what still does.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "alerts")]
pub(in crate::db) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(in crate::db) id: Uuid,
    pub(in crate::db) tenant_id: String,
    pub(in crate::db) device_id: Option<Uuid>,
    pub(in crate::db) stream_id: Option<Uuid>,
    pub(in crate::db) severity: String,
    pub(in crate::db) code: String,
    pub(in crate::db) text: String,
    pub(in crate::db) action: String,
    pub(in crate::db) since_us: i64,
    /// Null while it is open.
    pub(in crate::db) until_us: Option<i64>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(in crate::db) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
