//! Storing recordings, many in one transaction and few statements.

use super::read::HEAD;
use crate::db::convert::{HeadRow, content_columns, recording_row, unsigned};
use crate::db::entity::fence;
use crate::db::entity::recording::{Column, Entity};
use crate::db::pools::Pools;
use crate::db::repo::CHUNK;
use sea_orm::prelude::Uuid;
use sea_orm::sea_query::{Expr, ExprTrait, JoinType, OnConflict, Order, Query, SelectStatement};
use sea_orm::{
    ActiveValue, ColumnTrait, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, FromQueryResult,
    Iterable, QueryFilter, QuerySelect, UpdateMany,
};
use std::collections::{BTreeMap, HashMap};
use vas_core::model::{Recording, RecordingState};
use vas_core::ports::{IndexError, RecordingHead};
use vas_core::{DeviceId, RecordingId};

/// See [`RecordingRepo::open`](vas_core::ports::RecordingRepo::open).
pub(super) async fn open(pools: &Pools, rows: &[Recording]) -> Result<Result<(), IndexError>, DbErr> {
    if rows.is_empty() {
        return Ok(Ok(()));
    }
    let transaction = pools.begin().await?;
    let fences = raise_fences(&transaction, rows).await?;
    if let Some(newest) = rows.iter().find_map(|row| fences.newer_than(row)) {
        return Ok(Err(IndexError::Fenced { newest }));
    }
    for chunk in rows.chunks(CHUNK) {
        let new = chunk.iter().map(|row| recording_row(row, RecordingState::Open));
        let insert = Entity::insert_many(new).on_conflict_do_nothing();
        insert.exec_without_returning(&transaction).await?;
    }
    transaction.commit().await?;
    Ok(Ok(()))
}

/// See [`RecordingRepo::complete`](vas_core::ports::RecordingRepo::complete).
pub(super) async fn complete(
    pools: &Pools,
    rows: &[Recording],
) -> Result<Vec<Result<(), IndexError>>, DbErr> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let transaction = pools.begin().await?;
    let fences = raise_fences(&transaction, rows).await?;
    let mut answers = Vec::with_capacity(rows.len());
    for chunk in rows.chunks(CHUNK) {
        // By chunks one after the other, so that each meets what those before it stored.
        answers.extend(complete_chunk(&transaction, &fences, chunk).await?);
    }
    transaction.commit().await?;
    Ok(answers)
}

async fn complete_chunk(
    transaction: &DatabaseTransaction,
    fences: &Fences,
    rows: &[Recording],
) -> Result<Vec<Result<(), IndexError>>, DbErr> {
    let states = states(transaction, rows).await?;
    let clashes = clashes(transaction, rows).await?;
    let mut accepted: BTreeMap<RecordingId, &Recording> = BTreeMap::new();
    let mut answers = Vec::with_capacity(rows.len());
    for row in rows {
        let state = states.get(&row.id.as_uuid()).map(String::as_str);
        answers.push(if state == Some(RecordingState::Deleting.as_str()) {
            Err(IndexError::NotFound)
        } else if state == Some(RecordingState::Complete.as_str()) || accepted.contains_key(&row.id) {
            Ok(())
        } else if let Some(newest) = fences.newer_than(row) {
            Err(IndexError::Fenced { newest })
        } else if let Some(other) = clashes.get(&row.id.as_uuid()) {
            Err(IndexError::Overlaps { other: (*other).into() })
        } else if let Some(other) = accepted.values().find(|other| in_the_way(other, row)) {
            Err(IndexError::Overlaps { other: other.id })
        } else {
            accepted.insert(row.id, row);
            Ok(())
        });
    }
    if !accepted.is_empty() {
        let new = accepted.values().map(|row| recording_row(row, RecordingState::Complete));
        // Somebody else may have marked a row as being deleted since its state was looked up.
        let deleting = Expr::col((Entity, Column::State)).eq(RecordingState::Deleting.as_str());
        let replace = OnConflict::column(Column::Id)
            .update_columns(Column::iter().filter(|column| !matches!(column, Column::Id)))
            .action_and_where(deleting.not())
            .to_owned();
        Entity::insert_many(new).on_conflict(replace).exec_without_returning(transaction).await?;
    }
    Ok(answers)
}

fn in_the_way(other: &Recording, row: &Recording) -> bool {
    (other.device, other.layer) == (row.device, row.layer) && other.span.overlaps(row.span)
}

/// The newest fence that each device of a batch was seen with.
struct Fences(HashMap<Uuid, u64>);

impl Fences {
    fn newer_than(&self, row: &Recording) -> Option<u64> {
        self.0.get(&row.device.as_uuid()).copied().filter(|&newest| newest > row.fence)
    }
}

/// Makes the fences of a batch's devices at least as new as its rows. Until the end of the transaction nobody else
/// stores anything of these devices, so that what is looked up stays so.
async fn raise_fences(transaction: &DatabaseTransaction, rows: &[Recording]) -> Result<Fences, DbErr> {
    // One row for each device, and in the order of their ids: two batches never wait for each other in a ring.
    let mut wanted: BTreeMap<DeviceId, u64> = BTreeMap::new();
    for row in rows {
        let fence = wanted.entry(row.device).or_default();
        *fence = Ord::max(row.fence, *fence);
    }
    // Where the condition does not hold the row stays as it is, but is locked nevertheless.
    let raise = OnConflict::column(fence::Column::DeviceId)
        .update_column(fence::Column::Fence)
        .action_and_where(
            Expr::col(("excluded", fence::Column::Fence))
                .gt(Expr::col((fence::Entity, fence::Column::Fence))),
        )
        .to_owned();
    let devices: Vec<_> = wanted.keys().map(|device| device.as_uuid()).collect();
    let raised: Vec<_> = wanted
        .into_iter()
        .map(|(device, fence)| fence::ActiveModel {
            device_id: ActiveValue::Set(device.as_uuid()),
            fence: ActiveValue::Set(i64::try_from(fence).unwrap_or(i64::MAX)),
        })
        .collect();
    let mut found = HashMap::with_capacity(devices.len());
    for (raised, devices) in raised.chunks(CHUNK).zip(devices.chunks(CHUNK)) {
        fence::Entity::insert_many(raised.iter().cloned())
            .on_conflict(raise.clone())
            .exec_without_returning(transaction)
            .await?;
        let fences = fence::Entity::find().filter(fence::Column::DeviceId.is_in(devices.iter().copied()));
        let fences = fences.all(transaction).await?;
        found.extend(fences.into_iter().map(|row| (row.device_id, unsigned(row.fence))));
    }
    Ok(Fences(found))
}

#[derive(FromQueryResult)]
struct StateRow {
    id: Uuid,
    state: String,
}

/// The states of those rows of a batch that are there.
async fn states(
    transaction: &DatabaseTransaction,
    rows: &[Recording],
) -> Result<HashMap<Uuid, String>, DbErr> {
    let found = Entity::find()
        .select_only()
        .columns([Column::Id, Column::State])
        .filter(Column::Id.is_in(rows.iter().map(|row| row.id.as_uuid())))
        .into_model::<StateRow>()
        .all(transaction)
        .await?;
    Ok(found.into_iter().map(|row| (row.id, row.state)).collect())
}

#[derive(FromQueryResult)]
struct Clash {
    fresh: Uuid,
    other: Uuid,
}

/// For each row of a batch that shares time with a complete one of its layer, that one.
async fn clashes(
    transaction: &DatabaseTransaction,
    rows: &[Recording],
) -> Result<HashMap<Uuid, Uuid>, DbErr> {
    let statement = transaction.get_database_backend().build(&clashing(rows));
    let found = Clash::find_by_statement(statement).all(transaction).await?;
    Ok(found.into_iter().map(|clash| (clash.fresh, clash.other)).collect())
}

/// Of the complete rows that start before a new one ends, the last to start is the last to end: only that one can
/// share time with it.
fn clashing(rows: &[Recording]) -> SelectStatement {
    let fresh_rows = rows.iter().map(|row| {
        let (start, end) = (row.span.start.as_unix_micros(), row.span.end.as_unix_micros());
        (row.id.as_uuid(), row.device.as_uuid(), i16::from(row.layer), start, end)
    });
    // Both databases name the columns of a list of values so.
    let [id, device, layer, start, end] =
        ["column1", "column2", "column3", "column4", "column5"].map(|name| Expr::col(("fresh", name)));
    let last = Query::select()
        .column(("last", Column::Id))
        .from_as(Entity, "last")
        .and_where(Expr::col(("last", Column::DeviceId)).eq(device))
        .and_where(Expr::col(("last", Column::Layer)).eq(layer))
        .and_where(Expr::col(("last", Column::State)).eq(RecordingState::Complete.as_str()))
        .and_where(Expr::col(("last", Column::StartUs)).lt(end))
        .order_by(("last", Column::StartUs), Order::Desc)
        .order_by(("last", Column::EndUs), Order::Desc)
        .limit(1)
        .to_owned();
    Query::select()
        .expr_as(id, "fresh")
        .expr_as(Expr::col(("there", Column::Id)), "other")
        .from_values(fresh_rows, "fresh")
        .join_as(JoinType::InnerJoin, Entity, "there", Expr::col(("there", Column::Id)).eq(Expr::from(last)))
        .and_where(Expr::col(("there", Column::EndUs)).gt(start))
        .to_owned()
}

/// What a rewritten file holds, for the row that is shown.
pub(super) fn replacement(row: &Recording) -> UpdateMany<Entity> {
    Entity::update_many()
        .set(content_columns(row))
        .filter(Column::Id.eq(row.id.as_uuid()))
        .filter(Column::State.eq(RecordingState::Complete.as_str()))
}

/// See [`RecordingRepo::mark_deleting`](vas_core::ports::RecordingRepo::mark_deleting). Those that were marked before
/// are given too: after an answer that was lost, they are asked for again.
pub(super) async fn mark_deleting(pools: &Pools, ids: &[RecordingId]) -> Result<Vec<RecordingHead>, DbErr> {
    let transaction = pools.begin().await?;
    let mut marked = Vec::with_capacity(ids.len());
    for chunk in ids.chunks(CHUNK) {
        let ids = || Column::Id.is_in(chunk.iter().map(|id| id.as_uuid()));
        let state = Expr::value(RecordingState::Deleting.as_str());
        Entity::update_many().col_expr(Column::State, state).filter(ids()).exec(&transaction).await?;
        let rows = Entity::find().select_only().columns(HEAD).filter(ids()).into_model::<HeadRow>();
        marked.extend(rows.all(&transaction).await?.into_iter().map(RecordingHead::from));
    }
    transaction.commit().await?;
    Ok(marked)
}

/// See [`RecordingRepo::remove`](vas_core::ports::RecordingRepo::remove).
pub(super) async fn remove(pools: &Pools, ids: &[RecordingId]) -> Result<(), DbErr> {
    let transaction = pools.begin().await?;
    for chunk in ids.chunks(CHUNK) {
        let ids = Column::Id.is_in(chunk.iter().map(|id| id.as_uuid()));
        Entity::delete_many().filter(ids).exec(&transaction).await?;
    }
    transaction.commit().await
}
