//! Table `refresh_tokens`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "refresh_tokens")]
pub(in crate::db) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(in crate::db) id: Uuid,
    pub(in crate::db) family: Uuid,
    pub(in crate::db) tenant_id: String,
    pub(in crate::db) client_id: Uuid,
    pub(in crate::db) hash: String,
    pub(in crate::db) scopes: String,
    pub(in crate::db) epoch: i64,
    pub(in crate::db) expires_us: i64,
    pub(in crate::db) used_us: Option<i64>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(in crate::db) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
