//! Wall times of the pictures of a run.

use vas_core::WallTime;
use vas_core::model::{Group, MEDIA_CLOCK};

/// Tells the UTC of any media time of one run. Whoever asks when a picture was taken asks here, so that a picture has
/// one wall time wherever it is looked at.
///
/// Every group's first picture has the wall time that the index keeps. Between two of them wall time runs evenly, which
/// takes up the drift of a camera's clock; where media is missing or this machine's clock was set, it runs at the
/// media's pace up to there. Before the first group it runs at the media's pace, after the last at the pace of the
/// pair of groups before. Results are rounded down to whole microseconds and never fall as media time rises.
///
/// ```
/// use vas_core::WallTime;
/// use vas_core::model::Group;
/// use vas_record::clip::Timeline;
///
/// # let group = |media, wall| Group { offset: 0, size: 0, media, duration: 90_000,
/// #     wall: WallTime::from_unix_micros(wall), pictures: 25, key: true, gap: None, lost: 0 };
/// // The camera's clock is 1 % slow: its second lasts 1.01 s.
/// let timeline = Timeline::new(&[group(0, 5_000_000), group(90_000, 6_010_000)]).expect("there are groups");
/// assert_eq!(timeline.wall_of(45_000), WallTime::from_unix_micros(5_505_000));
/// ```
#[derive(Clone, Debug)]
pub struct Timeline {
    /// In rising order of media time; at least one.
    points: Vec<Point>,
}

#[derive(Clone, Copy, Debug)]
struct Point {
    /// Ticks of 90 kHz.
    media: i64,
    /// Microseconds of UTC.
    wall: i64,
    /// Wall time does not run evenly from the point before to this one.
    breaks: bool,
}

impl Timeline {
    /// The timeline of groups of one run, in the order of their recordings; `None` where there are none. A group that
    /// does not lie after the one before is passed over.
    #[must_use]
    pub fn new<'a>(groups: impl IntoIterator<Item = &'a Group>) -> Option<Self> {
        let mut points: Vec<Point> = Vec::new();
        for group in groups {
            let point =
                Point { media: group.media, wall: group.wall.as_unix_micros(), breaks: group.gap.is_some() };
            if points.last().is_none_or(|last| last.media < point.media && last.wall <= point.wall) {
                points.push(point);
            }
        }
        (!points.is_empty()).then_some(Self { points })
    }

    /// UTC of what is shown at `media`, in ticks of 90 kHz in the run.
    #[must_use]
    pub fn wall_of(&self, media: i64) -> WallTime {
        self.wall_between(media, self.points.partition_point(|point| point.media <= media))
    }

    /// UTC at the end of what is shown until `media`, in ticks of 90 kHz in the run: where wall time jumps at `media`, what
    /// it is before the jump.
    #[must_use]
    pub fn wall_until(&self, media: i64) -> WallTime {
        self.wall_between(media, self.points.partition_point(|point| point.media < media))
    }

    /// `after`: the place of the first point behind `media`.
    fn wall_between(&self, media: i64, after: usize) -> WallTime {
        let wall = match (after.checked_sub(1), self.points.get(after)) {
            (Some(at), Some(next)) if next.breaks => {
                self.points[at].at_media_pace(media).min(i128::from(next.wall))
            }
            (Some(at), Some(next)) => self.points[at].towards(next, media),
            (Some(at), None) => match at.checked_sub(1).map(|before| self.points[before]) {
                Some(before) if !self.points[at].breaks => before.towards(&self.points[at], media),
                _ => self.points[at].at_media_pace(media),
            },
            (None, _) => self.points[0].at_media_pace(media),
        };
        WallTime::from_unix_micros(wall.clamp(i64::MIN.into(), i64::MAX.into()) as i64)
    }
}

impl Point {
    fn at_media_pace(self, media: i64) -> i128 {
        let ticks = i128::from(media) - i128::from(self.media);
        i128::from(self.wall) + (ticks * 1_000_000).div_euclid(MEDIA_CLOCK.get().into())
    }

    /// On the straight line through this point and `next`, which has a greater media time.
    fn towards(self, next: &Self, media: i64) -> i128 {
        let ticks = i128::from(media) - i128::from(self.media);
        let (wall, length) =
            (i128::from(next.wall) - i128::from(self.wall), i128::from(next.media) - i128::from(self.media));
        i128::from(self.wall).saturating_add(ticks.saturating_mul(wall).div_euclid(length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use vas_core::model::GapReason;

    fn group(media: i64, wall: i64, gap: Option<GapReason>) -> Group {
        let wall = WallTime::from_unix_micros(wall);
        Group { offset: 0, size: 0, media, duration: 90_000, wall, pictures: 25, key: true, gap, lost: 0 }
    }

    fn at(timeline: &Timeline, media: i64) -> i64 {
        timeline.wall_of(media).as_unix_micros()
    }

    #[test]
    fn drift_is_spread_evenly_and_goes_on_at_the_end() {
        let groups = [group(0, 0, None), group(90_000, 990_000, None)];
        let timeline = Timeline::new(&groups).unwrap();
        assert_eq!(at(&timeline, 0), 0);
        assert_eq!(at(&timeline, 45_000), 495_000);
        assert_eq!(at(&timeline, 90_000), 990_000);
        assert_eq!(at(&timeline, 180_000), 1_980_000);
        // What leads the first picture was taken before it.
        assert_eq!(at(&timeline, -9_000), -100_000);
    }

    #[test]
    fn a_gap_is_not_spread() {
        let groups = [group(0, 0, None), group(900_000, 60_000_000, Some(GapReason::ClockJump))];
        let timeline = Timeline::new(&groups).unwrap();
        assert_eq!(at(&timeline, 899_999), 9_999_988);
        assert_eq!(at(&timeline, 900_000), 60_000_000);
        assert_eq!(timeline.wall_until(900_000), WallTime::from_unix_micros(10_000_000));
        assert_eq!(at(&timeline, 990_000), 61_000_000);
    }

    #[test]
    fn no_groups_have_no_timeline() {
        assert!(Timeline::new(&[]).is_none());
    }

    proptest! {
        #[test]
        fn wall_time_never_falls(
            steps in proptest::collection::vec((0_i64..400_000, 0_i64..4_000_000, any::<bool>()), 1..20),
            mut times in proptest::collection::vec(-100_000_i64..8_000_000, 2..40),
        ) {
            let (mut media, mut wall) = (0, 0);
            let groups: Vec<_> = steps
                .into_iter()
                .map(|(ticks, micros, gap)| {
                    (media, wall) = (media + ticks, wall + micros);
                    group(media, wall, gap.then_some(GapReason::Silence))
                })
                .collect();
            let timeline = Timeline::new(&groups).unwrap();
            times.sort_unstable();
            for pair in times.windows(2) {
                prop_assert!(timeline.wall_of(pair[0]) <= timeline.wall_of(pair[1]));
            }
        }

        #[test]
        fn any_groups_are_taken(groups in proptest::collection::vec((any::<i64>(), any::<i64>()), 1..20), t: i64) {
            let groups: Vec<_> = groups.into_iter().map(|(media, wall)| group(media, wall, None)).collect();
            let _ = Timeline::new(&groups).unwrap().wall_of(t);
        }
    }
}
