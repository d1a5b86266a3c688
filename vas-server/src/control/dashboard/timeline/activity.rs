//! How much moves, from the sizes of the pictures between key pictures: a still scene costs next to nothing, whatever
//! its key pictures cost.
//!
//! The scale is absolute, so that tiles that were made at different times fit together: bits for each pixel of a
//! picture, in steps of a 28th of a doubling, from 1/1024 up. A still scene has some 0.01, a busy one 0.1.

use super::Tile;
use vas_core::model::{Recording, WallRange};

/// Steps of the scale for each doubling.
const STEPS: f64 = 28.0;
/// What lies below this, in bits a pixel, is the scale's 1.
const LEAST: f64 = 1.0 / 1_024.0;

/// Gathers the activity of a lane.
#[derive(Debug)]
pub(super) struct Activity {
    levels: Vec<u8>,
    known: bool,
}

impl Activity {
    pub(super) fn new(tile: &Tile) -> Self {
        Self { levels: vec![0; tile.count], known: false }
    }

    /// Adds a recording. One of which only key pictures are left says nothing, nor does sound.
    pub(super) fn add(&mut self, tile: &Tile, row: &Recording) {
        let pixels = u64::from(row.width) * u64::from(row.height);
        if row.thinned || pixels == 0 {
            return;
        }
        let mut groups = row.groups.as_slice();
        while let Some((first, rest)) = groups.split_first() {
            // From one key picture to the next. The group of the key picture itself counts for its time alone.
            let between = rest.iter().take_while(|group| !group.key && group.gap.is_none()).count();
            let (after, next) = rest.split_at(between);
            groups = next;
            let own = (!first.key).then_some(first);
            let (mut bits, mut pictures) = (0, 0);
            for group in own.into_iter().chain(after) {
                bits += u64::from(group.size) * 8;
                pictures += u64::from(group.pictures);
            }
            if pictures == 0 {
                continue;
            }
            self.known = true;
            let level = level(bits as f64 / (pictures * pixels) as f64);
            let end = after.last().unwrap_or(first).wall_end();
            tile.each_bucket(WallRange::new(first.wall, end), |bucket, _| {
                self.levels[bucket] = self.levels[bucket].max(level);
            });
        }
    }

    /// The levels of the buckets; `None` where nothing is known of any.
    pub(super) fn finish(self) -> Option<Vec<u8>> {
        self.known.then_some(self.levels)
    }
}

fn level(bits_per_pixel: f64) -> u8 {
    ((bits_per_pixel / LEAST).log2() * STEPS).round().clamp(1.0, 255.0) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use vas_core::model::{Group, GroupTable};
    use vas_core::testing::recording::recording;
    use vas_core::{DeviceId, WallTime};

    fn at(seconds: i64) -> WallTime {
        WallTime::from_unix_micros(seconds * 1_000_000)
    }

    /// Groups of a second with ten pictures each: whether they begin with a key picture, and their bytes.
    fn row(groups: &[(bool, u32)]) -> Recording {
        let seconds = i64::try_from(groups.len()).unwrap();
        let groups: GroupTable = (0..seconds)
            .zip(groups)
            .map(|(second, &(key, size))| Group {
                offset: 0,
                size,
                media: second * 90_000,
                duration: 90_000,
                wall: at(second),
                pictures: 10,
                key,
                gap: None,
                lost: 0,
            })
            .collect();
        let mut row = recording(DeviceId::random(), WallRange::new(at(0), at(seconds)));
        (row.width, row.height, row.groups) = (100, 80, groups);
        row
    }

    fn levels(row: &Recording) -> Option<Vec<u8>> {
        let tile = Tile::aligned(WallRange::new(at(0), at(6)), 1_000_000);
        let mut activity = Activity::new(&tile);
        activity.add(&tile, row);
        activity.finish()
    }

    #[test]
    fn key_pictures_do_not_count() {
        // 80,000 pixels in a second: 1,250 bytes are an eighth of a bit each, seven doublings of the least.
        let quiet_then_busy = row(&[(true, 90_000), (false, 79), (true, 90_000), (false, 1_250)]);
        assert_eq!(levels(&quiet_then_busy), Some(vec![84, 84, 196, 196, 0, 0]));
        let mut thinned = quiet_then_busy;
        thinned.thinned = true;
        assert_eq!(levels(&thinned), None);
    }

    #[test]
    fn where_every_second_has_a_key_picture_nothing_is_known() {
        assert_eq!(levels(&row(&[(true, 9_000), (true, 9_000)])), None);
    }

    #[test]
    fn a_file_may_begin_between_key_pictures() {
        assert_eq!(levels(&row(&[(false, 1_250), (true, 9_000)])), Some(vec![196, 0, 0, 0, 0, 0]));
    }

    #[test]
    fn the_scale_has_ends() {
        assert_eq!((level(0.0), level(1e-9), level(f64::INFINITY)), (1, 1, 255));
    }
}
