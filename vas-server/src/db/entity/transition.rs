//! Table `state_transitions`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "state_transitions")]
pub(in crate::db) struct Model {
    #[sea_orm(primary_key)]
    pub(in crate::db) id: i64,
    pub(in crate::db) stream_id: Uuid,
    pub(in crate::db) from_state: String,
    pub(in crate::db) to_state: String,
    pub(in crate::db) reason_code: String,
    pub(in crate::db) reason: String,
    pub(in crate::db) at: DateTimeUtc,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(in crate::db) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
