//! Table `users`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "users")]
pub(in crate::db) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(in crate::db) id: Uuid,
    pub(in crate::db) tenant_id: String,
    pub(in crate::db) name: String,
    pub(in crate::db) password: String,
    pub(in crate::db) role: String,
    pub(in crate::db) devices: Option<String>,
    pub(in crate::db) disabled: bool,
    pub(in crate::db) epoch: i64,
    pub(in crate::db) created_us: i64,
    pub(in crate::db) updated_us: Option<i64>,
    pub(in crate::db) last_login_us: Option<i64>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(in crate::db) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
