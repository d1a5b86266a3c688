//! What people arrange on the dashboard: small JSON documents, one of each name for each account.

use crate::db::convert::store_error;
use crate::db::entity::dashboard::ui_document::{ActiveModel, Column, Entity};
use crate::db::pools::Pools;
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter};
use vas_core::model::TenantId;
use vas_core::ports::RepoError;

/// A document as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Document {
    /// JSON.
    pub(crate) body: String,
    /// Counts the changes from 1.
    pub(crate) version: i64,
}

/// What became of a document that was to be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stored {
    /// It has this version.
    Version(i64),
    /// It has another version than the one that was to be replaced.
    Changed,
}

/// Whose document it is, and which.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Of<'a> {
    pub(crate) tenant: &'a TenantId,
    pub(crate) subject: &'a str,
    pub(crate) name: &'a str,
}

impl Of<'_> {
    fn condition(&self) -> Condition {
        Condition::all()
            .add(Column::TenantId.eq(self.tenant.as_str()))
            .add(Column::Subject.eq(self.subject))
            .add(Column::Name.eq(self.name))
    }
}

/// The documents of all accounts.
#[derive(Clone, Debug)]
pub(crate) struct SqlDocuments {
    pools: Pools,
}

impl SqlDocuments {
    pub(in crate::db) const fn new(pools: Pools) -> Self {
        Self { pools }
    }

    /// One of them.
    pub(crate) async fn get(&self, of: Of<'_>) -> Result<Option<Document>, RepoError> {
        let found = self.pools.one(&Entity::find().filter(of.condition())).await.map_err(store_error)?;
        Ok(found.map(|row| Document { body: row.body, version: row.version }))
    }

    /// Stores one in the place of `version`; 0: where there is none. Not tried again where the database is away: whether
    /// it was stored would not be known.
    pub(crate) async fn put(&self, of: Of<'_>, body: String, version: i64) -> Result<Stored, RepoError> {
        let row = ActiveModel {
            tenant_id: Set(of.tenant.as_str().to_owned()),
            subject: Set(of.subject.to_owned()),
            name: Set(of.name.to_owned()),
            body: Set(body),
            version: Set(version + 1),
        };
        let changed = if version == 0 {
            let there = OnConflict::columns([Column::TenantId, Column::Subject, Column::Name])
                .do_nothing()
                .to_owned();
            let query = Entity::insert(row).on_conflict(there);
            query.exec_without_returning(&self.pools.write).await.map_err(store_error)?
        } else {
            let query = Entity::update_many().set(row).filter(of.condition());
            let query = query.filter(Column::Version.eq(version));
            query.exec(&self.pools.write).await.map_err(store_error)?.rows_affected
        };
        Ok(if changed == 0 { Stored::Changed } else { Stored::Version(version + 1) })
    }
}
