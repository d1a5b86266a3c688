//! Table `exports`: clips of several cameras that are made together.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "exports")]
pub(in crate::db) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(in crate::db) id: Uuid,
    pub(in crate::db) tenant_id: String,
    pub(in crate::db) name: String,
    pub(in crate::db) created_by: String,
    pub(in crate::db) start_us: i64,
    pub(in crate::db) end_us: i64,
    pub(in crate::db) status: String,
    pub(in crate::db) problem: Option<String>,
    /// A JSON array.
    pub(in crate::db) files: String,
    pub(in crate::db) created_us: i64,
    pub(in crate::db) expires_us: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(in crate::db) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
