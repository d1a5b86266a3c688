//! The ring against a plain model, and the hub's promises one by one.

use super::*;
use crate::media::AccessUnit;
use crate::testing::{audio_unit, delta_picture, key_picture, sized, video_desc};
use proptest::prelude::*;
use std::collections::VecDeque;

fn hub(max_bytes: usize, max_units: usize) -> StreamHub {
    StreamHub::new(HubConfig { max_bytes, max_units, slack_micros: i64::MAX })
}

fn read_all(subscription: &mut Subscription) -> Vec<u64> {
    let mut seqs = Vec::new();
    while let Some(Ok(unit)) = subscription.try_next() {
        seqs.push(unit.seq);
    }
    seqs
}

#[test]
fn a_late_reader_starts_at_the_cached_group() {
    let hub = hub(1 << 20, 64);
    let id = StreamId::random();
    let mut writer = hub.publish(id, video_desc()).unwrap();
    for n in 0..10 {
        writer.push(if n % 5 == 0 { key_picture(n) } else { delta_picture(n) });
    }
    let mut from_cache = hub.subscribe(id, StartAt::LastKey).unwrap();
    let mut from_next_key = hub.subscribe(id, StartAt::NextKey).unwrap();
    assert_eq!(read_all(&mut from_cache), [5, 6, 7, 8, 9]);
    writer.push(delta_picture(10));
    writer.push(audio_unit(11));
    writer.push(key_picture(12));
    assert_eq!(read_all(&mut from_next_key), [12]);
    assert_eq!(read_all(&mut from_cache), [10, 11, 12]);
}

#[test]
fn one_writer_at_a_time_and_the_next_continues_the_stream() {
    let hub = hub(1 << 20, 64);
    let id = StreamId::random();
    let mut first = hub.publish(id, video_desc()).unwrap();
    assert_eq!(hub.publish(id, video_desc()).unwrap_err(), PublishError::Taken(id));
    first.push(key_picture(0));
    let mut reader = hub.subscribe(id, StartAt::LastKey).unwrap();
    drop(first);
    assert!(!hub.stats(id).unwrap().published);
    let mut late = hub.subscribe(id, StartAt::LastKey).unwrap();
    let mut second = hub.publish(id, video_desc()).unwrap();
    second.push(key_picture(0));
    let units: Vec<_> = std::iter::from_fn(|| reader.try_next()).map(Result::unwrap).collect();
    assert_eq!(units.iter().map(|u| (u.seq, u.epoch)).collect::<Vec<_>>(), [(0, 1), (1, 2)]);
    assert_eq!(read_all(&mut late), [1]);
}

#[test]
fn a_group_that_outgrows_the_bound_is_dropped_and_counted_once() {
    let hub = hub(1000, 1024);
    let id = StreamId::random();
    let mut writer = hub.publish(id, video_desc()).unwrap();
    writer.push(sized(key_picture(0), 600));
    for n in 1..20 {
        writer.push(sized(delta_picture(n), 300));
    }
    let stats = hub.stats(id).unwrap();
    assert_eq!((stats.group_cached, stats.groups_overflowed), (false, 1));
    assert!(stats.cached_bytes <= 1000);
    let mut reader = hub.subscribe(id, StartAt::LastKey).unwrap();
    assert!(reader.try_next().is_none());
    writer.push(sized(key_picture(20), 2000));
    assert_eq!(read_all(&mut reader), [20]);
}

#[test]
fn pictures_before_the_group_go_once_the_slack_is_over() {
    let hub = StreamHub::new(HubConfig { slack_micros: 100_000, ..HubConfig::default() });
    let id = StreamId::random();
    let mut writer = hub.publish(id, video_desc()).unwrap();
    for n in 0..100 {
        writer.push(if n % 10 == 0 { key_picture(n) } else { delta_picture(n) });
    }
    assert!(hub.stats(id).unwrap().cached_units <= 14);
}

#[tokio::test]
async fn a_reader_that_waits_is_woken_by_units_and_by_the_end() {
    let hub = hub(1 << 20, 64);
    let id = StreamId::random();
    let mut writer = hub.publish(id, video_desc()).unwrap();
    let mut reader = hub.subscribe(id, StartAt::Next).unwrap();
    let task = crate::TaskScope::new().spawn("reader", async move {
        let first = reader.next().await.map(|unit| unit.seq);
        (first, reader.next().await.map(|unit| unit.seq))
    });
    tokio::task::yield_now().await;
    writer.push(key_picture(0));
    tokio::task::yield_now().await;
    hub.remove(id);
    let closed = Err(RecvError::Closed(CloseReason::Removed));
    assert_eq!(task.await.unwrap(), Some((Ok(0), closed)));
    assert!(writer.is_closed());
    assert_eq!(hub.subscribe(id, StartAt::Next).unwrap_err(), SubscribeError::NotFound(id));
}

/// What a test does to a ring.
#[derive(Clone, Debug)]
enum Op {
    Push { key: bool, size: usize },
    Read { reader: usize, count: usize },
    Join { start: u8 },
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (proptest::bool::weighted(0.2), 1_usize..400).prop_map(|(key, size)| Op::Push { key, size }),
        2 => (0_usize..4, 1_usize..20).prop_map(|(reader, count)| Op::Read { reader, count }),
        1 => (0_u8..3).prop_map(|start| Op::Join { start }),
    ]
}

/// The ring as a list: what is held, and where the current group starts.
#[derive(Default)]
struct Model {
    held: VecDeque<(u64, bool, usize)>,
    next: u64,
    group: Option<u64>,
}

impl Model {
    fn push(&mut self, key: bool, size: usize, max_bytes: usize, max_units: usize) {
        while !self.held.is_empty()
            && (self.held.len() >= max_units
                || self.held.iter().map(|unit| unit.2).sum::<usize>() + size > max_bytes)
        {
            let (seq, ..) = self.held.pop_front().unwrap();
            if self.group == Some(seq) {
                self.group = None;
            }
        }
        self.held.push_back((self.next, key, size));
        if key {
            self.group = Some(self.next);
        }
        self.next += 1;
    }
}

proptest! {
    /// Whatever is pushed and read: the bounds hold, readers see rising numbers and start at keys, nothing is skipped
    /// without being told, and the group is the one that the model has.
    #[test]
    fn the_ring_behaves_as_its_model(ops in proptest::collection::vec(op(), 1..200)) {
        const BYTES: usize = 1500;
        const UNITS: usize = 16;
        let hub = hub(BYTES, UNITS);
        let id = StreamId::random();
        let mut writer = hub.publish(id, video_desc()).unwrap();
        let mut model = Model::default();
        // Each reader with the number it must see next and whether it may skip to a key.
        let mut readers: Vec<(Subscription, u64, bool)> = Vec::new();
        for op in ops {
            match op {
                Op::Push { key, size } => {
                    let unit: AccessUnit = if key { key_picture(0) } else { delta_picture(0) };
                    writer.push(sized(unit, size));
                    model.push(key, size, BYTES, UNITS);
                }
                Op::Join { start } if readers.len() < 4 => {
                    let start = [StartAt::LastKey, StartAt::NextKey, StartAt::Next][usize::from(start)];
                    let expect = match start {
                        StartAt::LastKey => model.group.unwrap_or(model.next),
                        _ => model.next,
                    };
                    readers.push((hub.subscribe(id, start).unwrap(), expect, start != StartAt::Next));
                }
                Op::Join { .. } => {}
                Op::Read { reader, count } => {
                    let Some((subscription, expect, skipping)) = readers.get_mut(reader) else { continue };
                    for _ in 0..count {
                        match subscription.try_next() {
                            None => break,
                            Some(Ok(unit)) => {
                                prop_assert!(unit.seq == *expect || (*skipping && unit.seq > *expect));
                                prop_assert!(!*skipping || unit.is_key());
                                (*expect, *skipping) = (unit.seq + 1, false);
                            }
                            Some(Err(RecvError::Lagged { missed })) => {
                                let oldest = model.held.front().map_or(model.next, |unit| unit.0);
                                prop_assert!(oldest > *expect, "lagged although the unit is held");
                                prop_assert!(missed > 0);
                                *skipping = true;
                            }
                            Some(Err(error)) => return Err(TestCaseError::fail(error.to_string())),
                        }
                    }
                }
            }
            let stats = hub.stats(id).unwrap();
            prop_assert_eq!(stats.cached_units as usize, model.held.len());
            prop_assert_eq!(stats.cached_bytes as usize, model.held.iter().map(|u| u.2).sum::<usize>());
            prop_assert_eq!(stats.group_cached, model.group.is_some());
            prop_assert!(stats.cached_units as usize <= UNITS);
        }
    }
}

/// Readers and the writer on different threads: every reader sees rising numbers, and gaps only after a lag.
#[test]
fn threads_see_a_consistent_stream() {
    let hub = hub(1 << 20, 32);
    let id = StreamId::random();
    let mut writer = hub.publish(id, video_desc()).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            let mut reader = hub.subscribe(id, StartAt::Next).unwrap();
            scope.spawn(move || {
                let (mut expect, mut lagged) = (0, false);
                loop {
                    match reader.try_next() {
                        None => std::thread::yield_now(),
                        Some(Ok(unit)) => {
                            assert!(unit.seq == expect || (lagged && unit.seq > expect && unit.is_key()));
                            (expect, lagged) = (unit.seq + 1, false);
                        }
                        Some(Err(RecvError::Lagged { .. })) => lagged = true,
                        Some(Err(RecvError::Closed(_))) => break,
                    }
                }
            });
        }
        for n in 0..20_000 {
            writer.push(if n % 10 == 0 { key_picture(n) } else { delta_picture(n) });
        }
        hub.remove(id);
    });
}
