//! Streams and their histories in the database.

use crate::db::convert::{self, rows, store_error, stream_row, time, transition_row, write_error};
use crate::db::entity::stream::{ActiveModel, Column, Entity};
use crate::db::entity::transition;
use crate::db::pools::Pools;
use crate::db::retry::patiently;
use async_trait::async_trait;
use sea_orm::{
    ActiveValue, ColumnTrait, EntityTrait, ExprTrait, FromQueryResult, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect, Select, UpdateMany,
};
use std::collections::HashSet;
use vas_core::model::{TenantId, Transition};
use vas_core::ports::{RepoError, StreamFilter, StreamRecord, StreamRepo};
use vas_core::{DeviceId, StreamId, WallTime};

/// [`StreamRepo`] on the database.
#[derive(Clone, Debug)]
pub struct SqlStreams {
    pools: Pools,
}

impl SqlStreams {
    pub(in crate::db) const fn new(pools: Pools) -> Self {
        Self { pools }
    }

    async fn all(&self, query: Select<Entity>) -> Result<Vec<StreamRecord>, RepoError> {
        let rows = self.pools.all(&query.order_by_asc(Column::Id)).await.map_err(store_error)?;
        Ok(rows.into_iter().map(convert::stream).collect())
    }

    /// Changes one stream if `condition` holds. Whether it did.
    async fn change(&self, query: UpdateMany<Entity>, id: StreamId) -> Result<bool, RepoError> {
        let query = query.filter(Column::Id.eq(id.as_uuid())).filter(Column::Closed.eq(false));
        Ok(self.pools.change(&query).await.map_err(store_error)? > 0)
    }

    /// After a change that met no row: right when the stream exists in another state, an error when there is none.
    async fn must_exist(&self, id: StreamId) -> Result<(), RepoError> {
        let query = Entity::find_by_id(id.as_uuid());
        let found = patiently(|| query.clone().count(&self.pools.read)).await.map_err(store_error)?;
        if found > 0 { Ok(()) } else { Err(RepoError::NotFound { what: "stream" }) }
    }
}

#[derive(FromQueryResult)]
struct IdOnly {
    id: sea_orm::prelude::Uuid,
}

#[derive(FromQueryResult)]
struct Long {
    stream_id: sea_orm::prelude::Uuid,
}

#[async_trait]
impl StreamRepo for SqlStreams {
    async fn insert(&self, stream: &StreamRecord) -> Result<(), RepoError> {
        Entity::insert(stream_row(stream))
            .exec_without_returning(&self.pools.write)
            .await
            .map_err(|error| write_error(error, |_| "camera_id", "device"))?;
        Ok(())
    }

    async fn get(&self, tenant: &TenantId, id: StreamId) -> Result<Option<StreamRecord>, RepoError> {
        let query = Entity::find_by_id(id.as_uuid()).filter(Column::TenantId.eq(tenant.as_str()));
        Ok(self.all(query).await?.pop())
    }

    async fn of_device(
        &self,
        tenant: &TenantId,
        device: DeviceId,
    ) -> Result<Option<StreamRecord>, RepoError> {
        let filter = StreamFilter { device: Some(device), with_closed: false };
        Ok(self.list(tenant, filter).await?.pop())
    }

    async fn list(&self, tenant: &TenantId, filter: StreamFilter) -> Result<Vec<StreamRecord>, RepoError> {
        let mut query = Entity::find().filter(Column::TenantId.eq(tenant.as_str()));
        if let Some(device) = filter.device {
            query = query.filter(Column::DeviceId.eq(device.as_uuid()));
        }
        if !filter.with_closed {
            query = query.filter(Column::Closed.eq(false));
        }
        self.all(query).await
    }

    async fn wanted(&self) -> Result<Vec<StreamRecord>, RepoError> {
        self.all(Entity::find().filter(Column::Wanted.eq(true)).filter(Column::Closed.eq(false))).await
    }

    async fn start(&self, id: StreamId, at: WallTime) -> Result<(), RepoError> {
        let columns = ActiveModel {
            wanted: ActiveValue::Set(true),
            started_at: ActiveValue::Set(time(at)),
            stopped_at: ActiveValue::Set(None),
            ..Default::default()
        };
        let started = self.change(Entity::update_many().set(columns), id).await?;
        if started { Ok(()) } else { Err(RepoError::NotFound { what: "stream" }) }
    }

    async fn stop(&self, id: StreamId, at: WallTime) -> Result<(), RepoError> {
        let columns = ActiveModel {
            wanted: ActiveValue::Set(false),
            stopped_at: ActiveValue::Set(Some(time(at))),
            ..Default::default()
        };
        let query = Entity::update_many().set(columns).filter(Column::Wanted.eq(true));
        if self.change(query, id).await? { Ok(()) } else { self.must_exist(id).await }
    }

    async fn close(&self, id: StreamId, at: WallTime) -> Result<(), RepoError> {
        let columns = ActiveModel {
            wanted: ActiveValue::Set(false),
            closed: ActiveValue::Set(true),
            stopped_at: ActiveValue::Set(Some(time(at))),
            ..Default::default()
        };
        if self.change(Entity::update_many().set(columns), id).await? {
            Ok(())
        } else {
            self.must_exist(id).await
        }
    }

    async fn record(&self, entries: &[(StreamId, Transition)]) -> Result<(), RepoError> {
        if entries.is_empty() {
            return Ok(());
        }
        let transaction = self.pools.begin().await.map_err(store_error)?;
        let named: HashSet<_> = entries.iter().map(|(id, _)| id.as_uuid()).collect();
        let known: HashSet<_> = Entity::find()
            .select_only()
            .column(Column::Id)
            .filter(Column::Id.is_in(named))
            .into_model::<IdOnly>()
            .all(&transaction)
            .await
            .map_err(store_error)?
            .into_iter()
            .map(|row| row.id)
            .collect();
        let new: Vec<_> = entries
            .iter()
            .filter(|(id, _)| known.contains(&id.as_uuid()))
            .map(|(id, entry)| transition_row(*id, entry))
            .collect();
        if !new.is_empty() {
            transition::Entity::insert_many(new)
                .exec_without_returning(&transaction)
                .await
                .map_err(store_error)?;
        }
        transaction.commit().await.map_err(store_error)
    }

    async fn history(&self, id: StreamId, limit: u64) -> Result<Vec<Transition>, RepoError> {
        let query = transition::Entity::find()
            .filter(transition::Column::StreamId.eq(id.as_uuid()))
            .order_by_desc(transition::Column::Id)
            .limit(rows(limit));
        let entries = self.pools.all(&query).await.map_err(store_error)?;
        Ok(entries.into_iter().filter_map(convert::transition).collect())
    }

    async fn prune(&self, keep: u64) -> Result<u64, RepoError> {
        use transition::Column as Entry;
        let long = transition::Entity::find()
            .select_only()
            .column(Entry::StreamId)
            .group_by(Entry::StreamId)
            .having(Entry::Id.count().gt(rows(keep)))
            .into_model::<Long>()
            .all(&self.pools.read)
            .await
            .map_err(store_error)?;
        let mut removed = 0;
        for Long { stream_id } in long {
            // The oldest entry that stays.
            let first = transition::Entity::find()
                .filter(Entry::StreamId.eq(stream_id))
                .order_by_desc(Entry::Id)
                .offset(keep.saturating_sub(1))
                .limit(1)
                .one(&self.pools.read)
                .await
                .map_err(store_error)?;
            let Some(first) = first else { continue };
            let old = transition::Entity::delete_many()
                .filter(Entry::StreamId.eq(stream_id))
                .filter(Entry::Id.lt(first.id))
                .exec(&self.pools.write)
                .await
                .map_err(store_error)?;
            removed += old.rows_affected;
        }
        Ok(removed)
    }
}
