//! The audit log.

use crate::auth::model::{AuditEntry, AuditFilter};
use crate::db::convert::account::{audit, audit_row};
use crate::db::convert::{rows, store_error};
use crate::db::entity::account::audit::{Column, Entity};
use crate::db::pools::Pools;
use crate::db::repo::CHUNK;
use crate::db::retry::patiently;
use sea_orm::{ColumnTrait, Condition, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect};
use vas_core::WallTime;
use vas_core::model::TenantId;
use vas_core::ports::{Page, RepoError};

/// What happened in all tenants.
#[derive(Clone, Debug)]
pub(crate) struct SqlAudit {
    pools: Pools,
}

impl SqlAudit {
    pub(in crate::db) const fn new(pools: Pools) -> Self {
        Self { pools }
    }

    /// Appends entries.
    pub(crate) async fn insert(&self, entries: &[AuditEntry]) -> Result<(), RepoError> {
        for chunk in entries.chunks(CHUNK) {
            let rows = Entity::insert_many(chunk.iter().map(audit_row));
            rows.exec_without_returning(&self.pools.write).await.map_err(store_error)?;
        }
        Ok(())
    }

    /// The tenant's entries that pass a filter, the newest first, and how many pass it in all.
    pub(crate) async fn list(
        &self,
        tenant: &TenantId,
        filter: &AuditFilter,
        page: Page,
    ) -> Result<(Vec<AuditEntry>, u64), RepoError> {
        let passing = Condition::all()
            .add(Column::TenantId.eq(tenant.as_str()))
            .add_option(filter.actor.as_ref().map(|actor| Column::Actor.eq(actor)))
            .add_option(filter.action.as_ref().map(|action| Column::Action.eq(action)))
            .add_option(filter.allowed.map(|allowed| Column::Allowed.eq(allowed)))
            .add_option(filter.after.map(|time| Column::AtUs.gte(time.as_unix_micros())))
            .add_option(filter.before.map(|time| Column::AtUs.lt(time.as_unix_micros())));
        let query = Entity::find().filter(passing);
        let total = patiently(|| query.clone().count(&self.pools.read)).await.map_err(store_error)?;
        let query = query.order_by_desc(Column::Id).offset(rows(page.offset)).limit(rows(page.limit));
        let found = self.pools.all(&query).await.map_err(store_error)?;
        Ok((found.into_iter().map(audit).collect(), total))
    }

    /// Deletes entries of before a time.
    pub(crate) async fn prune(&self, before: WallTime) -> Result<(), RepoError> {
        let query = Entity::delete_many().filter(Column::AtUs.lt(before.as_unix_micros()));
        patiently(|| query.clone().exec(&self.pools.write)).await.map_err(store_error)?;
        Ok(())
    }
}
