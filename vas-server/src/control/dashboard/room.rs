//! How much room recordings have: sums over the whole index, so that whoever wants to know is told the same for a
//! minute.

use crate::control::recording::{NotRecording, Recordings};
use std::time::{Duration, Instant};
use vas_core::SharedClock;
use vas_record::retention::plan::Forecast;

/// What was looked up is told for so long.
const FRESH: Duration = Duration::from_secs(60);

/// The room that recordings have.
#[derive(Clone, Debug)]
pub(super) struct Room {
    /// Bytes stored, bytes left, and how long they last.
    pub(super) forecast: Forecast,
    /// Bytes that are free where recordings are stored; `None` where the store does not tell.
    pub(super) free: Option<u64>,
}

/// The room as it was looked up last.
#[derive(Debug)]
pub(super) struct Rooms {
    recordings: Recordings,
    known: tokio::sync::Mutex<Option<(Instant, Room)>>,
    clock: SharedClock,
}

impl Rooms {
    pub(super) fn new(recordings: Recordings, clock: SharedClock) -> Self {
        Self { recordings, known: tokio::sync::Mutex::default(), clock }
    }

    /// The room that recordings have; `None` where it can't be looked up at present.
    ///
    /// # Errors
    /// There is no storage.
    pub(super) async fn get(&self) -> Result<Option<Room>, NotRecording> {
        let engine = self.recordings.engine()?;
        let mut known = self.known.lock().await;
        let now = self.clock.now();
        if let Some((at, room)) = &*known
            && now.saturating_duration_since(*at) < FRESH
        {
            return Ok(Some(room.clone()));
        }
        let forecast = match engine.retention.forecast().await {
            Ok(forecast) => forecast,
            Err(error) => {
                tracing::debug!(%error, "the room for recordings is not known");
                return Ok(None);
            }
        };
        let space = engine.library().store().space().await.ok().flatten();
        let room = Room { forecast, free: space.map(|space| space.free) };
        *known = Some((now, room.clone()));
        Ok(Some(room))
    }
}
