//! Recordings.

use super::{signed, unsigned};
use crate::db::entity::recording::{ActiveModel, Model};
use sea_orm::ActiveValue::Set;
use sea_orm::{FromQueryResult, prelude::Uuid};
use vas_core::WallTime;
use vas_core::model::{GroupTable, Recording, RecordingState, TenantId, WallRange};
use vas_core::ports::{IndexError, RecordingHead};

/// A stretch of wall time out of two columns.
pub(in crate::db) const fn span(start_us: i64, end_us: i64) -> WallRange {
    WallRange::new(WallTime::from_unix_micros(start_us), WallTime::from_unix_micros(end_us))
}

/// The row of a recording that is in the state `state`, whatever it says itself.
pub(in crate::db) fn recording_row(recording: &Recording, state: RecordingState) -> ActiveModel {
    ActiveModel {
        id: Set(recording.id.as_uuid()),
        tenant_id: Set(recording.tenant.as_str().to_owned()),
        device_id: Set(recording.device.as_uuid()),
        stream_id: Set(recording.stream.as_uuid()),
        layer: Set(i16::from(recording.layer)),
        state: Set(state.as_str().to_owned()),
        fence: Set(signed(recording.fence)),
        ..content_columns(recording)
    }
}

/// The columns that tell what a file holds.
pub(in crate::db) fn content_columns(recording: &Recording) -> ActiveModel {
    ActiveModel {
        run: Set(recording.run),
        start_us: Set(recording.span.start.as_unix_micros()),
        end_us: Set(recording.span.end.as_unix_micros()),
        bytes: Set(signed(recording.bytes)),
        init_len: Set(i64::from(recording.init_len)),
        codecs: Set(recording.codecs.clone()),
        width: Set(i64::from(recording.width)),
        height: Set(i64::from(recording.height)),
        thinned: Set(recording.thinned),
        groups: Set(recording.groups.encode()),
        ..Default::default()
    }
}

/// # Errors
/// [`IndexError::Damaged`].
pub(in crate::db) fn recording(row: Model) -> Result<Recording, IndexError> {
    let damaged = |problem: String| IndexError::Damaged { id: row.id.into(), problem };
    let groups = GroupTable::decode(&row.groups).map_err(|error| damaged(error.to_string()))?;
    let state = row.state.parse().map_err(|_| damaged(format!("its state is {}", row.state)))?;
    Ok(assemble(row, state, groups))
}

/// What recovery looks at: the row alone tells it which file to look at, so that a damaged table is taken as empty.
pub(in crate::db) fn unfinished(row: Model, state: RecordingState) -> Recording {
    let groups = GroupTable::decode(&row.groups).unwrap_or_else(|error| {
        tracing::warn!(recording = %row.id, %error, "an unfinished recording has a damaged table");
        GroupTable::default()
    });
    assemble(row, state, groups)
}

fn assemble(row: Model, state: RecordingState, groups: GroupTable) -> Recording {
    let narrow = |number: i64| u32::try_from(number).unwrap_or_default();
    Recording {
        id: row.id.into(),
        tenant: TenantId::new(row.tenant_id),
        device: row.device_id.into(),
        stream: row.stream_id.into(),
        layer: layer(row.layer),
        run: row.run,
        span: span(row.start_us, row.end_us),
        bytes: unsigned(row.bytes),
        init_len: narrow(row.init_len),
        codecs: row.codecs,
        width: narrow(row.width),
        height: narrow(row.height),
        state,
        fence: unsigned(row.fence),
        thinned: row.thinned,
        groups,
    }
}

/// A layer out of its column, which holds nothing else than layers.
pub(in crate::db) fn layer(number: i16) -> u8 {
    u8::try_from(number).unwrap_or_default()
}

/// The columns of a head, which an index holds.
#[derive(Debug, FromQueryResult)]
pub(in crate::db) struct HeadRow {
    id: Uuid,
    device_id: Uuid,
    layer: i16,
    run: Uuid,
    start_us: i64,
    end_us: i64,
    bytes: i64,
    thinned: bool,
}

impl From<HeadRow> for RecordingHead {
    fn from(row: HeadRow) -> Self {
        Self {
            id: row.id.into(),
            device: row.device_id.into(),
            layer: layer(row.layer),
            run: row.run,
            span: span(row.start_us, row.end_us),
            bytes: unsigned(row.bytes),
            thinned: row.thinned,
        }
    }
}
