//! Between rows and models.

pub(super) mod account;
mod capture;
mod device;
mod recording;

pub(super) use capture::{bookmark, bookmark_row, image_columns, snapshot, snapshot_row, tags_text};
pub(super) use device::{UrlColumn, device, device_row, field_columns, url_digest};
pub(super) use recording::{HeadRow, content_columns, layer, recording, recording_row, span, unfinished};

use super::entity::{stream, transition};
use sea_orm::prelude::DateTimeUtc;
use sea_orm::{ActiveValue, DbErr, SqlErr};
use serde::Serialize;
use serde::de::DeserializeOwned;
use vas_core::model::{Reason, ReasonCode, TenantId, Transition};
use vas_core::ports::{RepoError, StreamRecord};
use vas_core::{StreamId, WallTime};

/// A failure that is no answer to what was asked.
pub(super) fn store_error(error: DbErr) -> RepoError {
    RepoError::Store(Box::new(error))
}

/// The failure of an insertion or update: `taken` names the field whose unique index the message speaks of.
pub(super) fn write_error(
    error: DbErr,
    taken: impl Fn(&str) -> &'static str,
    parent: &'static str,
) -> RepoError {
    match error.sql_err() {
        Some(SqlErr::UniqueConstraintViolation(message)) => RepoError::Taken { field: taken(&message) },
        Some(SqlErr::ForeignKeyConstraintViolation(_)) => RepoError::NotFound { what: parent },
        _ => store_error(error),
    }
}

/// A point in time as the database stores it, with microseconds.
pub(super) fn time(time: WallTime) -> DateTimeUtc {
    // Out of chrono's range are only times hundreds of thousands of years away.
    DateTimeUtc::from_timestamp_micros(time.as_unix_micros()).unwrap_or_default()
}

const fn wall(time: DateTimeUtc) -> WallTime {
    WallTime::from_unix_micros(time.timestamp_micros())
}

/// A number of rows within what databases count in: signed 64 bits.
pub(super) fn rows(count: u64) -> u64 {
    count.min(i64::MAX as u64)
}

/// A number as databases hold it; what is beyond signed 64 bits becomes the largest there is.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A number that was stored by [`signed`].
pub(super) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

pub(super) fn stream_row(stream: &StreamRecord) -> stream::ActiveModel {
    stream::ActiveModel {
        id: ActiveValue::Set(stream.id.as_uuid()),
        tenant_id: ActiveValue::Set(stream.tenant.as_str().to_owned()),
        device_id: ActiveValue::Set(stream.device.as_uuid()),
        name: ActiveValue::Set(stream.name.clone()),
        wanted: ActiveValue::Set(stream.wanted),
        closed: ActiveValue::Set(stream.closed),
        created_at: ActiveValue::Set(time(stream.created_at)),
        started_at: ActiveValue::Set(time(stream.started_at)),
        stopped_at: ActiveValue::Set(stream.stopped_at.map(time)),
    }
}

pub(super) fn stream(row: stream::Model) -> StreamRecord {
    StreamRecord {
        id: row.id.into(),
        tenant: TenantId::new(row.tenant_id),
        device: row.device_id.into(),
        name: row.name,
        wanted: row.wanted,
        created_at: wall(row.created_at),
        started_at: wall(row.started_at),
        stopped_at: row.stopped_at.map(wall),
        closed: row.closed,
    }
}

pub(super) fn transition_row(id: StreamId, entry: &Transition) -> transition::ActiveModel {
    transition::ActiveModel {
        id: ActiveValue::NotSet,
        stream_id: ActiveValue::Set(id.as_uuid()),
        from_state: ActiveValue::Set(entry.from.name().to_owned()),
        to_state: ActiveValue::Set(entry.to.name().to_owned()),
        reason_code: ActiveValue::Set(name_of(entry.reason.code)),
        reason: ActiveValue::Set(entry.reason.text.clone()),
        at: ActiveValue::Set(time(entry.at)),
    }
}

/// `None` for a row that a newer version of the server wrote and this one has no words for.
pub(super) fn transition(row: transition::Model) -> Option<Transition> {
    Some(Transition {
        from: row.from_state.parse().ok()?,
        to: row.to_state.parse().ok()?,
        reason: Reason::new(named::<ReasonCode>(&row.reason_code)?, row.reason),
        at: wall(row.at),
    })
}

/// The name under which a unit variant is serialised.
fn name_of(value: impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(name)) => name,
        _ => String::new(),
    }
}

fn named<T: DeserializeOwned>(name: &str) -> Option<T> {
    serde_json::from_value(serde_json::Value::String(name.to_owned())).ok()
}
