//! An index of recordings in memory, for tests of those who write and read one.

use crate::id::{DeviceId, RecordingId};
use crate::model::{Recording, RecordingState, WallRange};
use crate::ports::{IndexError, LayerUsage, RecordingHead, RecordingRepo};
use crate::time::WallTime;
use async_trait::async_trait;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

/// Recordings in memory. It can be made to fail, as a database that is away does.
#[derive(Debug, Default)]
pub struct MemoryIndex {
    rows: Mutex<BTreeMap<RecordingId, Recording>>,
    away: AtomicBool,
}

impl MemoryIndex {
    /// From now on every call fails, or none does.
    pub fn set_away(&self, away: bool) {
        self.away.store(away, Ordering::Relaxed);
    }

    /// All rows, whatever their states.
    #[must_use]
    pub fn all(&self) -> Vec<Recording> {
        let mut rows: Vec<_> = self.rows.lock().values().cloned().collect();
        rows.sort_by_key(|row| (row.span.start, row.id));
        rows
    }

    fn shown(&self) -> Result<Vec<Recording>, IndexError> {
        self.check()?;
        let mut rows = self.all();
        rows.retain(|row| row.state == RecordingState::Complete);
        Ok(rows)
    }

    fn check(&self) -> Result<(), IndexError> {
        if self.away.load(Ordering::Relaxed) {
            return Err(IndexError::Store("the test took the database away".into()));
        }
        Ok(())
    }
}

fn head(row: &Recording) -> RecordingHead {
    let &Recording { id, device, layer, run, span, bytes, thinned, .. } = row;
    RecordingHead { id, device, layer, run, span, bytes, thinned }
}

fn fenced(rows: &BTreeMap<RecordingId, Recording>, row: &Recording) -> Result<(), IndexError> {
    let newest = rows.values().filter(|known| known.device == row.device).map(|known| known.fence).max();
    match newest {
        Some(newest) if newest > row.fence => Err(IndexError::Fenced { newest }),
        _ => Ok(()),
    }
}

fn complete(rows: &mut BTreeMap<RecordingId, Recording>, row: &Recording) -> Result<(), IndexError> {
    fenced(rows, row)?;
    match rows.get(&row.id).map(|known| known.state) {
        Some(RecordingState::Deleting) => return Err(IndexError::NotFound),
        Some(RecordingState::Complete) => return Ok(()),
        Some(RecordingState::Open) | None => {}
    }
    let taken = |other: &&Recording| {
        other.id != row.id
            && (other.device, other.layer) == (row.device, row.layer)
            && other.state == RecordingState::Complete
            && other.span.overlaps(row.span)
    };
    if let Some(other) = rows.values().find(taken) {
        return Err(IndexError::Overlaps { other: other.id });
    }
    rows.insert(row.id, Recording { state: RecordingState::Complete, ..row.clone() });
    Ok(())
}

#[async_trait]
impl RecordingRepo for MemoryIndex {
    async fn open(&self, rows: &[Recording]) -> Result<(), IndexError> {
        self.check()?;
        let mut known = self.rows.lock();
        rows.iter().try_for_each(|row| fenced(&known, row))?;
        for row in rows {
            known.entry(row.id).or_insert_with(|| Recording { state: RecordingState::Open, ..row.clone() });
        }
        Ok(())
    }

    async fn complete(&self, rows: &[Recording]) -> Result<Vec<Result<(), IndexError>>, IndexError> {
        self.check()?;
        let mut known = self.rows.lock();
        Ok(rows.iter().map(|row| complete(&mut known, row)).collect())
    }

    async fn get(&self, id: RecordingId) -> Result<Option<Recording>, IndexError> {
        Ok(self.shown()?.into_iter().find(|row| row.id == id))
    }

    async fn range(
        &self,
        device: DeviceId,
        layer: u8,
        range: WallRange,
        limit: u64,
    ) -> Result<Vec<Recording>, IndexError> {
        let mut rows = self.shown()?;
        rows.retain(|row| (row.device, row.layer) == (device, layer) && row.span.overlaps(range));
        rows.truncate(limit as usize);
        Ok(rows)
    }

    async fn heads(
        &self,
        device: DeviceId,
        layer: Option<u8>,
        range: WallRange,
        limit: u64,
    ) -> Result<Vec<RecordingHead>, IndexError> {
        let mut rows = self.shown()?;
        rows.retain(|row| {
            row.device == device && layer.is_none_or(|layer| row.layer == layer) && row.span.overlaps(range)
        });
        rows.sort_by_key(|row| (row.layer, row.span.start));
        rows.truncate(limit as usize);
        Ok(rows.iter().map(head).collect())
    }

    async fn at_or_before(
        &self,
        device: DeviceId,
        layer: u8,
        time: WallTime,
    ) -> Result<Option<Recording>, IndexError> {
        let mut rows = self.shown()?;
        rows.retain(|row| (row.device, row.layer) == (device, layer) && row.span.start <= time);
        Ok(rows.pop())
    }

    async fn newest_end(&self, device: DeviceId, layer: u8) -> Result<Option<WallTime>, IndexError> {
        self.check()?;
        let rows = self.all().into_iter();
        let rows = rows.filter(|row| {
            (row.device, row.layer) == (device, layer) && row.state != RecordingState::Deleting
        });
        Ok(rows.map(|row| row.span.end).max())
    }

    async fn unfinished(&self, limit: u64) -> Result<Vec<Recording>, IndexError> {
        self.check()?;
        let mut rows = self.all();
        rows.retain(|row| row.state != RecordingState::Complete);
        rows.truncate(limit as usize);
        Ok(rows)
    }

    async fn usage(&self) -> Result<Vec<LayerUsage>, IndexError> {
        let mut all: BTreeMap<(DeviceId, u8), LayerUsage> = BTreeMap::new();
        for row in self.shown()? {
            let &Recording { device, layer, span, bytes, .. } = &row;
            let usage =
                all.entry((device, layer)).or_insert(LayerUsage { device, layer, files: 0, bytes: 0, span });
            usage.files += 1;
            usage.bytes += bytes;
            usage.span = WallRange::new(usage.span.start.min(span.start), usage.span.end.max(span.end));
        }
        Ok(all.into_values().collect())
    }

    async fn oldest(
        &self,
        device: Option<DeviceId>,
        after: Option<(WallTime, RecordingId)>,
        before: WallTime,
        limit: u64,
    ) -> Result<Vec<RecordingHead>, IndexError> {
        let mut rows = self.shown()?;
        rows.retain(|row| {
            device.is_none_or(|device| row.device == device)
                && after.is_none_or(|after| (row.span.start, row.id) > after)
                && row.span.start < before
        });
        rows.truncate(limit as usize);
        Ok(rows.iter().map(head).collect())
    }

    async fn replace(&self, row: &Recording) -> Result<(), IndexError> {
        self.check()?;
        let mut rows = self.rows.lock();
        let known = rows.get_mut(&row.id).filter(|known| known.state == RecordingState::Complete);
        *known.ok_or(IndexError::NotFound)? = Recording { state: RecordingState::Complete, ..row.clone() };
        Ok(())
    }

    async fn mark_deleting(&self, ids: &[RecordingId]) -> Result<Vec<RecordingHead>, IndexError> {
        self.check()?;
        let mut rows = self.rows.lock();
        let mut marked = Vec::new();
        for id in ids {
            if let Some(row) = rows.get_mut(id) {
                row.state = RecordingState::Deleting;
                marked.push(head(row));
            }
        }
        Ok(marked)
    }

    async fn remove(&self, ids: &[RecordingId]) -> Result<(), IndexError> {
        self.check()?;
        let mut rows = self.rows.lock();
        ids.iter().for_each(|id| drop(rows.remove(id)));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #[tokio::test]
    async fn it_is_an_index_like_any_other() {
        crate::testing::recording::recordings(&super::MemoryIndex::default()).await;
    }
}
