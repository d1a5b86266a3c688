//! The estimator fed by hand.

use super::simulation::message;
use super::*;
use crate::rtcp::{Rtcp, packets};
use proptest::collection::vec;
use proptest::prelude::*;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Sends 25 pictures a second of so many bytes for some seconds; calls `each` after each picture.
fn send(
    estimator: &mut Estimator,
    start: Instant,
    seconds: u64,
    bytes: u16,
    mut each: impl FnMut(&mut Estimator, Instant),
) {
    for n in 0..seconds * 25 {
        let now = start + ms(40 * n);
        estimator.on_sent(n as u16, bytes, now);
        each(estimator, now);
    }
}

#[test]
fn without_feedback_it_is_the_start() {
    let mut estimator = Estimator::new(EstimatorConfig::default());
    let start = Instant::now();
    assert_eq!(estimator.probe(start, 5_000_000), None);
    send(&mut estimator, start, 60, 1_200, |_, _| {});
    assert_eq!(estimator.estimate(), 1_000_000);
    assert!(!estimator.is_measured());
    assert_eq!(estimator.state(start + ms(60_000)), NetworkState::Normal);
    assert_eq!(estimator.probe(start + ms(60_000), 5_000_000), None, "nobody would answer");
}

#[test]
fn pacing_starts_fast_for_a_viewer_near_by() {
    let mut estimator = Estimator::new(EstimatorConfig::default());
    assert_eq!(estimator.pacing_rate(), 2_500_000);
    estimator.hint_round_trip(ms(3));
    assert_eq!(estimator.pacing_rate(), 95_000_000);
    assert_eq!(estimator.round_trip(), Some(ms(3)));
    estimator.hint_round_trip(ms(300));
    assert_eq!(estimator.round_trip(), Some(ms(3)), "the first hint stands");
}

#[test]
fn remb_is_the_estimate_where_there_is_no_other() {
    let mut estimator = Estimator::new(EstimatorConfig::default());
    let start = Instant::now();
    send(&mut estimator, start, 2, 1_200, |_, _| {});
    estimator.on_remb(3_000_000, start + ms(2_000));
    assert_eq!(estimator.estimate(), 3_000_000);
    assert!(estimator.is_measured());
    estimator.on_remb(400_000, start + ms(3_000));
    assert_eq!(estimator.estimate(), 400_000);
    estimator.on_remb(0, start + ms(3_000));
    assert_eq!(estimator.estimate(), 50_000, "the least");
    estimator.on_remb(u64::MAX, start + ms(4_000));
    assert_eq!(estimator.estimate(), 200_000_000, "the most");
}

#[test]
fn receiver_reports_tell_of_loss() {
    let mut estimator = Estimator::new(EstimatorConfig::default());
    let start = Instant::now();
    // 50 kB a second in pictures of 2 kB: 400 kb/s.
    send(&mut estimator, start, 10, 2_000, |_, _| {});
    let mut at = start + ms(10_000);
    for _ in 0..20 {
        at += ms(1_000);
        estimator.on_receiver_report(0, Some(ms(80)), at);
    }
    // The start and twice what is sent: more was not tried.
    assert!((1_750_000..1_850_000).contains(&estimator.estimate()), "{}", estimator.estimate());
    assert_eq!(estimator.round_trip(), Some(ms(80)));
    let before = estimator.estimate();
    estimator.on_receiver_report(13, None, at + ms(1_000));
    assert_eq!(estimator.estimate(), before, "5 % is no congestion");
    for n in 0..5 {
        estimator.on_receiver_report(77, None, at + ms(2_000 + n * 1_000));
    }
    assert!(estimator.estimate() < 400_000, "{}", estimator.estimate());
    assert_eq!(estimator.state(at + ms(6_100)), NetworkState::Lossy);
    for n in 0..60 {
        estimator.on_receiver_report(0, None, at + ms(10_000 + n * 1_000));
    }
    assert!(estimator.estimate() > 1_000_000, "{}", estimator.estimate());
}

#[test]
fn it_is_small() {
    assert!(size_of::<Estimator>() <= 1_536, "{}", size_of::<Estimator>());
}

#[test]
fn a_receiver_whose_clock_is_set_is_followed() {
    let mut estimator = Estimator::new(EstimatorConfig::default());
    let start = Instant::now();
    let mut arrived = Vec::new();
    let mut n = 0_u16;
    send(&mut estimator, start, 20, 1_200, |estimator, now| {
        let us = now.duration_since(start).as_micros() as i64;
        // An hour back after ten seconds.
        arrived.push((us + 10_000 - if us > 10_000_000 { 3_600_000_000 } else { 0 }, n));
        n += 1;
        if arrived.len() == 5 {
            let data = message(arrived[0].1, arrived[0].0, &arrived);
            for packet in packets(&data) {
                let Rtcp::TransportFeedback(feedback) = packet else { panic!("{packet:?}") };
                estimator.on_feedback(&feedback, now + ms(20));
            }
            arrived.clear();
        }
    });
    assert_eq!(estimator.queue_delay(), Duration::ZERO);
    assert_eq!(estimator.state(start + ms(20_000)), NetworkState::Normal);
    assert!(estimator.round_trip().is_some_and(|round_trip| round_trip <= ms(25)));
}

proptest! {
    #[test]
    fn any_feedback_is_taken_without_panic(
        first in any::<u16>(),
        steps in vec((0_u8..4, 0_u32..200_000, 0_u16..1_500, vec(any::<u8>(), 8..64)), 1..120),
    ) {
        let config = EstimatorConfig::default();
        let mut estimator = Estimator::new(config);
        let mut now = Instant::now();
        let mut sequence = first;
        for (action, micros, bytes, mut body) in steps {
            now += Duration::from_micros(u64::from(micros));
            match action {
                0 => {
                    for _ in 0..bytes % 64 {
                        estimator.on_sent(sequence, bytes, now);
                        sequence = sequence.wrapping_add(1);
                    }
                }
                1 => {
                    // Mostly about packets that were sent.
                    let base = sequence.wrapping_sub(u16::from(body[0]));
                    body[..2].copy_from_slice(&base.to_be_bytes());
                    body[2] = 0;
                    body.resize(body.len().next_multiple_of(4), 0);
                    let words = (2 + body.len() / 4) as u16;
                    let mut data = vec![0x8f, 205, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2];
                    data[2..4].copy_from_slice(&words.to_be_bytes());
                    data.extend(body);
                    for packet in packets(&data) {
                        if let Rtcp::TransportFeedback(feedback) = packet {
                            estimator.on_feedback(&feedback, now);
                        }
                    }
                }
                2 => estimator.on_remb(u64::from(micros) * 100, now),
                _ => estimator.on_receiver_report(body[0], Some(Duration::from_micros(u64::from(micros))), now),
            }
            let _ = estimator.probe(now, u64::from(micros) * 100);
            prop_assert!((config.min_bps..=config.max_bps).contains(&estimator.estimate()));
            prop_assert!(estimator.queue_delay() < Duration::from_secs(60 * 60 * 24));
            prop_assert!((300_000..=600_000_000).contains(&estimator.pacing_rate()));
        }
    }
}
