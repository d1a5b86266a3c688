//! Table `metric_samples`: means over a time of so many seconds.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "metric_samples")]
pub(in crate::db) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(in crate::db) subject: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(in crate::db) step: i32,
    /// Unix seconds of the start.
    #[sea_orm(primary_key, auto_increment = false)]
    pub(in crate::db) at: i64,
    pub(in crate::db) ingest_kbps: Option<f64>,
    pub(in crate::db) egress_kbps: Option<f64>,
    pub(in crate::db) fps: Option<f64>,
    pub(in crate::db) loss: Option<f64>,
    pub(in crate::db) viewers: Option<f64>,
    pub(in crate::db) live: Option<f64>,
    pub(in crate::db) cpu: Option<f64>,
    pub(in crate::db) memory: Option<f64>,
    pub(in crate::db) disk_free: Option<f64>,
    pub(in crate::db) recording_bytes: Option<f64>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(in crate::db) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
