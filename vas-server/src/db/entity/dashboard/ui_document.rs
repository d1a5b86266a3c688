//! Table `ui_documents`: what somebody arranges on the dashboard.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "ui_documents")]
pub(in crate::db) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(in crate::db) tenant_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(in crate::db) subject: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(in crate::db) name: String,
    /// JSON.
    pub(in crate::db) body: String,
    /// Counts the changes.
    pub(in crate::db) version: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(in crate::db) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
