//! Changes of state of all streams together.

use crate::db::convert::{self, rows, store_error, time};
use crate::db::entity::{stream, transition};
use crate::db::pools::Pools;
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait};
use vas_core::model::{TenantId, Transition};
use vas_core::ports::RepoError;
use vas_core::{DeviceId, StreamId, WallTime};

/// Times are stored as texts with as many digits as they need, whose order is that of time to the second.
const SECOND: i64 = 1_000_000;

/// The histories of all streams.
#[derive(Clone, Debug)]
pub(crate) struct SqlChanges {
    pools: Pools,
}

impl SqlChanges {
    pub(in crate::db) const fn new(pools: Pools) -> Self {
        Self { pools }
    }

    /// The newest changes before a time, of a tenant's streams, of all its devices or of these; the newest first, and
    /// about `limit` of them.
    pub(crate) async fn before(
        &self,
        tenant: &TenantId,
        only: Option<&[DeviceId]>,
        before: WallTime,
        limit: u64,
    ) -> Result<Vec<(StreamId, Transition)>, RepoError> {
        let devices = only.map(|only| stream::Column::DeviceId.is_in(only.iter().map(|id| id.as_uuid())));
        let streams = stream::Entity::find()
            .select_only()
            .column(stream::Column::Id)
            .filter(stream::Column::TenantId.eq(tenant.as_str()))
            .filter(Condition::all().add_option(devices))
            .into_query();
        let query = transition::Entity::find()
            .filter(transition::Column::StreamId.in_subquery(streams))
            .filter(transition::Column::At.lt(time(before.add_micros(SECOND))))
            .order_by_desc(transition::Column::Id)
            // Some of the last second may be too young.
            .limit(rows(limit.saturating_mul(2)));
        let found = self.pools.all(&query).await.map_err(store_error)?.into_iter();
        let changes = found.filter_map(|row| Some((row.stream_id.into(), convert::transition(row)?)));
        Ok(changes.filter(|(_, change): &(StreamId, Transition)| change.at < before).collect())
    }
}
