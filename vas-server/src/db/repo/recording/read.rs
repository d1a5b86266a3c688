//! Looking recordings up.
//!
//! Complete recordings of one layer share no time, so in the order of their starts they are also in the order of their
//! ends. What reaches into a range from before it is therefore the last one that starts before it, however long files
//! are.

use super::store_error;
use crate::db::convert::{self, HeadRow, layer as layer_of, rows, span, unsigned};
use crate::db::entity::recording::{Column, Entity, Model};
use crate::db::pools::Pools;
use crate::db::retry::patiently;
use sea_orm::sea_query::{Alias, Expr, ExprTrait, Func, Query, SelectStatement};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect, Select,
};
use vas_core::model::{Recording, RecordingState, WallRange};
use vas_core::ports::{IndexError, LayerUsage, RecordingHead};
use vas_core::{DeviceId, RecordingId, WallTime};

/// The columns of a head, all of which the index `recordings_timeline` holds.
pub(super) const HEAD: [Column; 8] = [
    Column::Id,
    Column::DeviceId,
    Column::Layer,
    Column::Run,
    Column::StartUs,
    Column::EndUs,
    Column::Bytes,
    Column::Thinned,
];

fn of_layer(device: DeviceId, layer: u8, state: RecordingState) -> Condition {
    Condition::all()
        .add(Column::DeviceId.eq(device.as_uuid()))
        .add(Column::Layer.eq(i16::from(layer)))
        .add(Column::State.eq(state.as_str()))
}

fn shown(device: DeviceId, layer: u8) -> Select<Entity> {
    Entity::find().filter(of_layer(device, layer, RecordingState::Complete))
}

pub(super) fn shown_one(id: RecordingId) -> Select<Entity> {
    Entity::find_by_id(id.as_uuid()).filter(Column::State.eq(RecordingState::Complete.as_str()))
}

/// Those that share time with `range`, in the order of their starts.
pub(super) fn sharing(device: DeviceId, layer: u8, range: WallRange, limit: u64) -> Select<Entity> {
    let (from, to) = (range.start.as_unix_micros(), range.end.as_unix_micros());
    let first = Func::coalesce([Expr::from(last_start(device, layer, from)), Expr::val(from)]);
    shown(device, layer)
        .filter(Expr::col((Entity, Column::StartUs)).gte(first))
        .filter(Column::StartUs.lt(to))
        .filter(Column::EndUs.gt(from))
        .order_by_asc(Column::StartUs)
        .order_by_asc(Column::Id)
        .limit(rows(limit))
}

/// The start of the last one that starts at `time` or before it.
fn last_start(device: DeviceId, layer: u8, time: i64) -> SelectStatement {
    let mut query = Query::select();
    query.expr(Column::StartUs.max()).from(Entity);
    query.cond_where(of_layer(device, layer, RecordingState::Complete).add(Column::StartUs.lte(time)));
    query
}

/// The last one that starts at `time` or before it.
pub(super) fn last_from(device: DeviceId, layer: u8, time: WallTime) -> Select<Entity> {
    newest_first(shown(device, layer)).filter(Column::StartUs.lte(time.as_unix_micros()))
}

fn newest_first(query: Select<Entity>) -> Select<Entity> {
    query.order_by_desc(Column::StartUs).order_by_desc(Column::EndUs)
}

/// Those that start before `before`, and after `after` in the order of their starts and ids: of one layer, or of all.
pub(super) fn oldest(
    layer: Option<(DeviceId, u8)>,
    after: Option<(WallTime, RecordingId)>,
    before: WallTime,
    limit: u64,
) -> Select<Entity> {
    let mut query = match layer {
        Some((device, layer)) => shown(device, layer),
        None => Entity::find().filter(Column::State.eq(RecordingState::Complete.as_str())),
    };
    if let Some((start, id)) = after {
        let start = start.as_unix_micros();
        let later = Condition::any().add(Column::StartUs.gt(start)).add(Column::Id.gt(id.as_uuid()));
        // The first condition is what an index can follow.
        query = query.filter(Column::StartUs.gte(start)).filter(later);
    }
    query
        .filter(Column::StartUs.lt(before.as_unix_micros()))
        .order_by_asc(Column::StartUs)
        .order_by_asc(Column::Id)
        .limit(rows(limit))
}

/// The heads of what a query finds.
pub(super) async fn heads(pools: &Pools, query: Select<Entity>) -> Result<Vec<RecordingHead>, IndexError> {
    let query = query.select_only().columns(HEAD);
    let found = patiently(|| query.clone().into_model::<HeadRow>().all(&pools.read)).await;
    Ok(found.map_err(store_error)?.into_iter().map(RecordingHead::from).collect())
}

/// The first of what a query finds.
pub(super) async fn first(pools: &Pools, query: &Select<Entity>) -> Result<Option<Recording>, IndexError> {
    pools.one(query).await.map_err(store_error)?.map(convert::recording).transpose()
}

/// All of what a query finds but those that can't be read.
pub(super) async fn readable(pools: &Pools, query: &Select<Entity>) -> Result<Vec<Recording>, IndexError> {
    let found = pools.all(query).await.map_err(store_error)?;
    let mut damaged = Vec::new();
    let readable = found.into_iter().map(convert::recording);
    let readable = readable.filter_map(|row| row.map_err(|error| damaged.push(error)).ok()).collect();
    if let Some(error) = damaged.first() {
        tracing::warn!(left_out = damaged.len(), %error, "recordings can't be read and are not shown");
    }
    Ok(readable)
}

#[derive(FromQueryResult)]
struct End {
    end_us: i64,
}

/// The newest end of all that is not being deleted.
pub(super) async fn newest_end(
    pools: &Pools,
    device: DeviceId,
    layer: u8,
) -> Result<Option<WallTime>, IndexError> {
    // Of the complete ones the last to start is the last to end; of the open ones, after a crash, any may be.
    let open = of_layer(device, layer, RecordingState::Open);
    let open = Entity::find().filter(open).order_by_desc(Column::EndUs);
    let mut newest = None;
    for query in [newest_first(shown(device, layer)), open] {
        let query = query.select_only().column(Column::EndUs);
        let last = patiently(|| query.clone().into_model::<End>().one(&pools.read)).await;
        let last = last.map_err(store_error)?.map(|row| row.end_us);
        newest = Ord::max(newest, last);
    }
    Ok(newest.map(WallTime::from_unix_micros))
}

/// What is open or being deleted, the oldest first.
pub(super) async fn unfinished(pools: &Pools, limit: u64) -> Result<Vec<Recording>, IndexError> {
    let mut unfinished = Vec::new();
    // Each state by itself, for the index orders the rows of one: a device that was deleted leaves many.
    for state in [RecordingState::Open, RecordingState::Deleting] {
        let query = Entity::find()
            .filter(Column::State.eq(state.as_str()))
            .order_by_asc(Column::StartUs)
            .order_by_asc(Column::Id)
            .limit(rows(limit));
        let found: Vec<Model> = pools.all(&query).await.map_err(store_error)?;
        unfinished.extend(found.into_iter().map(|row| convert::unfinished(row, state)));
    }
    unfinished.sort_by_key(|row| (row.span.start, row.id));
    unfinished.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(unfinished)
}

#[derive(FromQueryResult)]
struct UsageRow {
    device_id: sea_orm::prelude::Uuid,
    layer: i16,
    state: String,
    files: i64,
    bytes: i64,
    start_us: i64,
    end_us: i64,
}

/// What is stored of each layer.
pub(super) async fn usage(pools: &Pools) -> Result<Vec<LayerUsage>, IndexError> {
    let query = usage_query();
    let found = patiently(|| query.clone().into_model::<UsageRow>().all(&pools.read)).await;
    let found = found.map_err(store_error)?.into_iter();
    Ok(found
        .filter(|row| row.state == RecordingState::Complete.as_str())
        .map(|row| LayerUsage {
            device: row.device_id.into(),
            layer: layer_of(row.layer),
            files: unsigned(row.files),
            bytes: unsigned(row.bytes),
            span: span(row.start_us, row.end_us),
        })
        .collect())
}

fn usage_query() -> Select<Entity> {
    // Grouped by the first columns of the index `recordings_timeline` and not filtered by state, so that the index is
    // read from its beginning to its end, and nothing else. Sums are wider than their terms in PostgreSQL.
    Entity::find()
        .select_only()
        .columns([Column::DeviceId, Column::Layer, Column::State])
        .column_as(Column::Id.count(), "files")
        .column_as(Column::Bytes.sum().cast_as(Alias::new("bigint")), "bytes")
        .column_as(Column::StartUs.min(), "start_us")
        .column_as(Column::EndUs.max(), "end_us")
        .group_by(Column::DeviceId)
        .group_by(Column::Layer)
        .group_by(Column::State)
        .order_by_asc(Column::DeviceId)
        .order_by_asc(Column::Layer)
        .order_by_asc(Column::State)
}

/// Queries of every kind, and what SQLite's plan of each must contain.
#[cfg(test)]
pub(in crate::db) fn plans() -> Vec<(String, &'static [&'static str])> {
    use sea_orm::{DbBackend, QueryTrait};

    let (device, now) = (DeviceId::random(), WallTime::from_unix_micros(1));
    let range = WallRange::new(now, now.add_micros(1));
    let after = Some((now, RecordingId::random()));
    let sql = |query: Select<Entity>| query.build(DbBackend::Sqlite).to_string();
    let head = |query: Select<Entity>| sql(query.select_only().columns(HEAD));
    vec![
        (
            sql(sharing(device, 0, range, 9)),
            &[
                "INDEX recordings_timeline (device_id=? AND layer=? AND state=? AND start_us>? AND start_us<?)",
            ],
        ),
        (head(sharing(device, 0, range, 9)), &["COVERING INDEX recordings_timeline"]),
        (
            sql(last_from(device, 0, now)),
            &["INDEX recordings_timeline (device_id=? AND layer=? AND state=? AND start_us<?)"],
        ),
        (
            head(oldest(None, after, now, 9)),
            &["INDEX recordings_oldest (state=? AND start_us>? AND start_us<?)"],
        ),
        (head(oldest(Some((device, 0)), after, now, 9)), &["COVERING INDEX recordings_timeline"]),
        (sql(usage_query()), &["SCAN recordings USING COVERING INDEX recordings_timeline"]),
    ]
}
