//! Table `recordings`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "recordings")]
pub(in crate::db) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(in crate::db) id: Uuid,
    pub(in crate::db) tenant_id: String,
    pub(in crate::db) device_id: Uuid,
    pub(in crate::db) stream_id: Uuid,
    pub(in crate::db) layer: i16,
    pub(in crate::db) run: Uuid,
    pub(in crate::db) start_us: i64,
    pub(in crate::db) end_us: i64,
    pub(in crate::db) bytes: i64,
    pub(in crate::db) init_len: i64,
    pub(in crate::db) codecs: String,
    pub(in crate::db) width: i64,
    pub(in crate::db) height: i64,
    pub(in crate::db) state: String,
    pub(in crate::db) fence: i64,
    pub(in crate::db) thinned: bool,
    pub(in crate::db) groups: Vec<u8>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(in crate::db) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
