//! Table `alert_acks`: who has seen which alert.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "alert_acks")]
pub(in crate::db) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(in crate::db) alert_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(in crate::db) subject: String,
    pub(in crate::db) name: String,
    pub(in crate::db) at_us: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(in crate::db) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
