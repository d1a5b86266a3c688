//! Stills: the newest picture of a stream as JPEG, for viewers that can play nothing else.
//!
//! A picture is decoded once for all who ask within a second, and nobody decodes for a stream that nobody looks at.

use super::Captures;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use vas_core::StreamId;
use vas_core::decode::jpeg::JpegOptions;
use vas_record::snapshot::{self, Snapshot, SnapshotError};

/// A still is given to all who ask within this.
const FRESH: Duration = Duration::from_secs(1);
/// Streams and sizes whose stills are kept.
const KEPT: usize = 512;

/// What a still is of: a stream, and the width that it is scaled down to.
type Of = (StreamId, Option<u32>);

/// The newest stills. Whoever makes one holds its lock, so that others wait for it rather than make another.
#[derive(Debug, Default)]
pub(super) struct Stills {
    kept: Mutex<HashMap<Of, Arc<Still>>>,
}

#[derive(Debug)]
struct Still {
    made: tokio::sync::Mutex<Option<(Instant, Arc<Snapshot>)>>,
}

impl Stills {
    fn of(&self, of: Of) -> Arc<Still> {
        let mut kept = self.kept.lock();
        if kept.len() >= KEPT {
            // What somebody makes or waits for is held by them, too.
            kept.retain(|_, still| Arc::strong_count(still) > 1);
        }
        kept.entry(of).or_insert_with(|| Arc::new(Still { made: tokio::sync::Mutex::default() })).clone()
    }
}

impl Captures {
    /// The newest picture of a stream, at most a second old.
    ///
    /// # Errors
    /// The stream shows nothing that can be decoded.
    pub(crate) async fn still(
        &self,
        stream: StreamId,
        width: Option<u32>,
    ) -> Result<Arc<Snapshot>, SnapshotError> {
        let still = self.inner.stills.of((stream, width));
        let mut made = still.made.lock().await;
        let now = self.inner.clock.now();
        if let Some((at, picture)) = &*made
            && now.saturating_duration_since(*at) < FRESH
        {
            return Ok(picture.clone());
        }
        let options = JpegOptions { max_width: width, ..JpegOptions::default() };
        let picture = snapshot::live(&self.inner.pool, &self.inner.hub, stream, options).await?;
        let picture = Arc::new(picture);
        *made = Some((self.inner.clock.now(), picture.clone()));
        Ok(picture)
    }
}
