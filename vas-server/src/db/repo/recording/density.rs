//! How much was recorded in each of many equal stretches of time, counted by the database.
//!
//! A month of one camera is 43,200 files. To read them all for a timeline of 720 hours would take as long as to show it;
//! their sums come from the index alone, and are 720 rows.

use super::{SqlRecordings, store_error};
use crate::db::retry::patiently;
use sea_orm::{ConnectionTrait, DbErr, QueryResult, Statement};
use vas_core::model::RecordingState;
use vas_core::ports::IndexError;
use vas_core::{DeviceId, WallTime};

/// For each stretch the time, the newest end and the number of the files that start in it, as one text: so the index is
/// walked once, and no rows are sorted. Both databases take `$1`.
const COUNT: &str = "\
    WITH RECURSIVE stretch(n, start) AS (\
      SELECT CAST(0 AS BIGINT), CAST($1 AS BIGINT) \
      UNION ALL SELECT n + 1, start + $2 FROM stretch WHERE n + 1 < $3) \
    SELECT n, (\
      SELECT CAST(SUM(end_us - start_us) AS TEXT) || ',' || CAST(MAX(end_us) AS TEXT) || ',' || \
        CAST(COUNT(*) AS TEXT) \
      FROM recordings WHERE device_id = $4 AND layer = $5 AND state = $6 \
        AND start_us >= stretch.start AND start_us < stretch.start + $2) AS filled \
    FROM stretch";

/// The complete files of one layer that start in a stretch of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Filled {
    /// Their lengths together, in microseconds.
    pub micros: i64,
    /// The end of the last of them.
    pub end: WallTime,
    /// Their number.
    pub files: u64,
}

impl SqlRecordings {
    /// What starts in each of `count` stretches of `width` microseconds from `start` on; `None`: nothing.
    ///
    /// # Errors
    /// [`IndexError::Store`].
    pub async fn density(
        &self,
        device: DeviceId,
        layer: u8,
        start: WallTime,
        width: i64,
        count: usize,
    ) -> Result<Vec<Option<Filled>>, IndexError> {
        let mut filled = vec![None; count];
        if count == 0 || width <= 0 {
            return Ok(filled);
        }
        let pool = &self.pools.read;
        let values = [
            start.as_unix_micros().into(),
            width.into(),
            i64::try_from(count).unwrap_or(i64::MAX).into(),
            device.as_uuid().into(),
            i16::from(layer).into(),
            RecordingState::Complete.as_str().into(),
        ];
        let statement = Statement::from_sql_and_values(pool.get_database_backend(), COUNT, values);
        let rows = patiently(|| pool.query_all_raw(statement.clone())).await.map_err(store_error)?;
        for row in &rows {
            let (n, found) = read(row).map_err(store_error)?;
            if let Some(place) = filled.get_mut(n) {
                *place = found;
            }
        }
        Ok(filled)
    }
}

fn read(row: &QueryResult) -> Result<(usize, Option<Filled>), DbErr> {
    let n: i64 = row.try_get("", "n")?;
    let text: Option<String> = row.try_get("", "filled")?;
    Ok((usize::try_from(n).unwrap_or(usize::MAX), text.as_deref().and_then(parse)))
}

fn parse(text: &str) -> Option<Filled> {
    let mut numbers = text.split(',').map(str::parse::<i64>);
    let mut next = || numbers.next()?.ok();
    let (micros, end, files) = (next()?, next()?, next()?);
    Some(Filled { micros, end: WallTime::from_unix_micros(end), files: files.unsigned_abs() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::Database;
    use vas_core::model::WallRange;
    use vas_core::ports::RecordingRepo;
    use vas_core::testing::recording::recording;

    fn at(seconds: i64) -> WallTime {
        WallTime::from_unix_micros(1_795_305_600_000_000 + seconds * 1_000_000)
    }

    #[tokio::test]
    async fn files_are_counted_where_they_start() {
        let database = Database::connect("sqlite::memory:", crate::keyring::Keyring::random()).await.unwrap();
        let (index, device) = (database.recordings(), DeviceId::random());
        let rows: Vec<_> = [(-30, 30), (30, 90), (90, 150), (400, 410)]
            .into_iter()
            .map(|(from, to)| recording(device, WallRange::new(at(from), at(to))))
            .collect();
        index.complete(&rows).await.unwrap();
        let filled = index.density(device, 0, at(0), 100_000_000, 5).await.unwrap();
        let some =
            |seconds: i64, end, files| Some(Filled { micros: seconds * 1_000_000, end: at(end), files });
        assert_eq!(filled, [some(120, 150, 2), None, None, None, some(10, 410, 1)]);
        assert_eq!(index.density(device, 1, at(0), 100_000_000, 2).await.unwrap(), [None, None]);
        assert_eq!(index.density(DeviceId::random(), 0, at(0), 0, 2).await.unwrap(), [None, None]);
    }
}
