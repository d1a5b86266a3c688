//! Sums of long stretches of time, those of past days kept: all who look at a month ask for the same ones, and each new
//! one costs the database a walk over 1,440 rows.

use super::{SETTLED, Tile};
use crate::control::dashboard::kept::{Kept, Weighed};
use crate::db::{Filled, SqlRecordings};
use std::time::Duration;
use vas_core::ports::IndexError;
use vas_core::{DeviceId, SharedClock, WallTime};

const DAY: i64 = 86_400_000_000;
/// Bytes of sums that are kept: those of 30 days of some 1,000 streams by the hour.
const ROOM: usize = 32 << 20;
/// Days that are kept at most.
const COUNT: usize = 65_536;
/// What retention has taken is shown for no longer than this.
const FRESH: Duration = Duration::from_secs(600);

/// The index, and what was asked of it lately.
#[derive(Debug)]
pub(in crate::control::dashboard) struct Sums {
    index: SqlRecordings,
    days: Kept<Of, Day>,
    clock: SharedClock,
}

/// A day, by its number since the Unix epoch, of a layer in stretches of so many microseconds.
type Of = (DeviceId, u8, i64, i64);

#[derive(Debug)]
struct Day(Vec<Option<Filled>>);

impl Weighed for Day {
    fn bytes(&self) -> usize {
        self.0.len() * size_of::<Option<Filled>>() + size_of::<Self>()
    }
}

impl Sums {
    pub(in crate::control::dashboard) fn new(index: SqlRecordings, clock: SharedClock) -> Self {
        Self { index, days: Kept::new(ROOM, COUNT, clock.clone()), clock }
    }

    /// What starts in each bucket of a tile.
    ///
    /// # Errors
    /// The index failed.
    pub(super) async fn of(
        &self,
        device: DeviceId,
        layer: u8,
        tile: &Tile,
    ) -> Result<Vec<Option<Filled>>, IndexError> {
        if tile.width > DAY || DAY % tile.width != 0 {
            return self.index.density(device, layer, tile.range.start, tile.width, tile.count).await;
        }
        let mut filled = vec![None; tile.count];
        let day_of = |time: WallTime| time.as_unix_micros().div_euclid(DAY);
        let (first, last) = (day_of(tile.range.start), day_of(tile.range.end.add_micros(-1)));
        let mut missing = Vec::new();
        for day in first..=last {
            match self.days.known(&(device, layer, day, tile.width), FRESH) {
                Some(known) => copy(&known.0, day, tile, &mut filled),
                None => missing.push(day),
            }
        }
        // Most often the days that are missing follow each other; those between are asked for again.
        if let (Some(from), Some(to)) = (missing.first(), missing.last()) {
            let per_day = usize::try_from(DAY / tile.width).unwrap_or(1);
            let days = usize::try_from(to - from + 1).unwrap_or(1);
            let start = WallTime::from_unix_micros(from * DAY);
            let found = self.index.density(device, layer, start, tile.width, per_day * days).await?;
            let now = self.clock.wall();
            for (day, sums) in (*from..=*to).zip(found.chunks(per_day)) {
                copy(sums, day, tile, &mut filled);
                if now.micros_since(WallTime::from_unix_micros((day + 1) * DAY)) > SETTLED {
                    self.days.put((device, layer, day, tile.width), Day(sums.to_vec())).await;
                }
            }
        }
        Ok(filled)
    }
}

/// Puts the sums of a day where they belong in a tile.
fn copy(sums: &[Option<Filled>], day: i64, tile: &Tile, filled: &mut [Option<Filled>]) {
    let offset = (day * DAY - tile.range.start.as_unix_micros()).div_euclid(tile.width);
    for (bucket, sum) in (offset..).zip(sums) {
        if let Some(place) = usize::try_from(bucket).ok().and_then(|bucket| filled.get_mut(bucket)) {
            *place = *sum;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::Database;
    use std::sync::Arc;
    use vas_core::model::WallRange;
    use vas_core::ports::RecordingRepo;
    use vas_core::testing::ManualClock;
    use vas_core::testing::recording::recording;

    #[tokio::test]
    async fn past_days_are_asked_for_once() {
        let database = Database::connect("sqlite::memory:", crate::keyring::Keyring::random()).await.unwrap();
        let (index, device) = (database.recordings(), DeviceId::random());
        let today = 20_779 * DAY;
        let clock = Arc::new(ManualClock::new(WallTime::from_unix_micros(today + DAY / 4)));
        let at = |hour: i64| WallTime::from_unix_micros(today + hour * DAY / 24);
        let rows: Vec<_> = [-60, -30, -29, -2, 0]
            .map(|hour| recording(device, WallRange::new(at(hour), at(hour + 1))))
            .into_iter()
            .collect();
        index.complete(&rows).await.unwrap();
        let sums = Sums::new(index.clone(), clock.clone());
        let tile = Tile::aligned(WallRange::new(at(-50), at(10)), DAY / 24);
        let direct = index.density(device, 0, tile.range.start, tile.width, tile.count).await.unwrap();
        assert_eq!(direct.iter().flatten().count(), 4);
        assert_eq!(sums.of(device, 0, &tile).await.unwrap(), direct);
        // What was asked for is known; today is not past.
        index.mark_deleting(&rows.iter().map(|row| row.id).collect::<Vec<_>>()).await.unwrap();
        let after = sums.of(device, 0, &tile).await.unwrap();
        assert_eq!(after[..50], direct[..50]);
        assert_eq!(after[50..], [None; 10]);
        clock.advance(FRESH * 2);
        assert!(sums.of(device, 0, &tile).await.unwrap().iter().all(Option::is_none), "not for ever");
        // Buckets that no day is made of are not kept.
        let odd = Tile::aligned(tile.range, 7_000_000_000);
        assert!(sums.of(device, 0, &odd).await.unwrap().iter().all(Option::is_none));
    }
}
