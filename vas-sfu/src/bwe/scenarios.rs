//! What the estimate and the layers do in networks of all kinds. Virtual time: nothing waits, nothing depends on the
//! machine. Each scenario runs with several throws of the dice.

use super::simulation::{Link, Sample, Video, World};
use crate::layers::Thinning;

const LAYERS: [Video; 2] = [Video::MAIN, Video::SUB];
const MAIN: Option<usize> = Some(0);
const SUB: Option<usize> = Some(1);
const SEEDS: std::ops::Range<u64> = 0..10;

/// Seconds until `wanted` stays true to the end.
fn settled(samples: &[Sample], wanted: impl Fn(&Sample) -> bool) -> f64 {
    let first = samples.first().map_or(0, |sample| sample.ms);
    let last_wrong = samples.iter().rev().find(|sample| !wanted(sample));
    last_wrong.map_or(0.0, |sample| (sample.ms + 100 - first) as f64 / 1e3)
}

/// Seconds until `wanted` is true.
fn reached(samples: &[Sample], wanted: impl Fn(&Sample) -> bool) -> f64 {
    let first = samples.first().map_or(0, |sample| sample.ms);
    samples.iter().find(|sample| wanted(sample)).map_or(f64::INFINITY, |s| (s.ms - first) as f64 / 1e3)
}

/// How often the layer goes up and down.
fn switches(samples: &[Sample]) -> usize {
    samples.windows(2).filter(|pair| pair[0].choice.layer != pair[1].choice.layer).count()
}

fn worst_queue(samples: &[Sample]) -> i64 {
    samples.iter().map(|sample| sample.queue_ms).max().unwrap_or(0)
}

fn estimates(samples: &[Sample]) -> (u64, u64) {
    let estimates = || samples.iter().map(|sample| sample.estimate / 1_000);
    (estimates().min().unwrap_or(0), estimates().max().unwrap_or(0))
}

/// The samples after so many seconds.
fn after(samples: &[Sample], seconds: usize) -> &[Sample] {
    &samples[10 * seconds..]
}

#[test]
fn an_unlimited_link_raises_no_alarm() {
    let wide = [
        ("quiet", Link::default()),
        ("20 ms of jitter", Link { jitter: 20_000, ..Link::default() }),
        ("20 ms of jitter that reorders", Link { jitter: 20_000, reorders: true, ..Link::default() }),
        ("stalls of 200 ms", Link { stalls: Some((2_300_000, 200_000)), ..Link::default() }),
        ("stalls of 60 ms", Link { stalls: Some((310_000, 60_000)), jitter: 3_000, ..Link::default() }),
        ("100 ms on the way", Link { delay: 100_000, jitter: 5_000, ..Link::default() }),
    ];
    for (name, link) in wide {
        for seed in SEEDS {
            let mut world = World::new(&LAYERS, link.clone(), seed);
            let samples = world.run(60).to_vec();
            let up = settled(&samples, |sample| sample.choice.layer == MAIN);
            let (least, most) = estimates(after(&samples, 10));
            println!("{name}: main after {up} s, then {least} to {most} kb/s, {} probes", world.probes);
            assert!(up <= 5.0, "{name}");
            assert!(least > 3_000, "{name}");
            assert!(samples.iter().all(|sample| sample.normal), "{name}");
        }
    }
}

#[test]
fn feedback_that_overtakes_is_understood() {
    for seed in SEEDS {
        let mut world = World::new(&LAYERS, Link { jitter: 5_000, ..Link::default() }, seed);
        world.swaps = true;
        let samples = world.run(60).to_vec();
        let up = settled(&samples, |sample| sample.choice.layer == MAIN);
        let (least, most) = estimates(after(&samples, 10));
        println!("main after {up} s, then {least} to {most} kb/s");
        assert!(up <= 5.0);
        assert!(least > 2_000);
        // Numbers have wrapped meanwhile.
        assert!(world.sent > 5_000);
    }
}

#[test]
fn a_bottleneck_brings_the_layer_down_and_its_end_brings_it_back() {
    for (seed, jitter) in SEEDS.zip([0, 2_000, 5_000, 10_000, 20_000].into_iter().cycle()) {
        let mut world = World::new(&LAYERS, Link { jitter, ..Link::default() }, seed);
        world.run(15 + seed);
        world.link.bps = 500_000.0;
        let samples = world.run(60).to_vec();
        let down = settled(&samples, |sample| sample.choice.layer == SUB);
        let (least, most) = estimates(after(&samples, 5));
        let queue = worst_queue(after(&samples, 5));
        world.link.bps = 1e9;
        let samples = world.run(40).to_vec();
        let up = settled(&samples, |sample| sample.choice.layer == MAIN);
        println!(
            "jitter {jitter} us: sub after {down} s, then {least} to {most} kb/s and {queue} ms of queue; main {up} s \
             after its end, {} probes, {} of {} packets lost",
            world.probes, world.lost, world.sent
        );
        assert!(down <= 2.0);
        assert!(least > 250 && most <= 600);
        assert!(queue <= 300);
        assert!(up <= 15.0);
    }
}

#[test]
fn probes_find_what_small_pictures_do_not() {
    // Pictures of one packet, key pictures of three: no run of packets tells anything.
    let sub = Video { bps: 90_000, fps: 10, key_bytes: 3_500, ..Video::SUB };
    for (jitter, seed) in
        [0, 5_000, 20_000].into_iter().flat_map(|jitter| SEEDS.map(move |seed| (jitter, seed)))
    {
        let link = Link { bps: 20e6, jitter, delay: 30_000, ..Link::default() };
        let mut world = World::new(&[Video::MAIN, sub], link, seed);
        let samples = world.run(20).to_vec();
        let first = settled(&samples, |sample| sample.choice.layer == MAIN);
        let to_start = world.probes;
        world.link.bps = 500_000.0;
        let samples = world.run(60).to_vec();
        let down = settled(&samples, |sample| sample.choice.layer == SUB);
        let (least, most) = estimates(after(&samples, 5));
        let queue = worst_queue(after(&samples, 5));
        let in_vain = world.probes - to_start;
        world.link.bps = 20e6;
        let samples = world.run(60).to_vec();
        let up = settled(&samples, |sample| sample.choice.layer == MAIN);
        println!(
            "jitter {jitter} us: main after {first} s and {to_start} probes; sub after {down} s, then {least} to {most} \
             kb/s, {in_vain} probes in vain and {queue} ms of queue; main {up} s after its end",
        );
        assert!(first <= 5.0);
        assert!(down <= 3.0);
        assert!(most <= 700 && in_vain <= 6 && queue <= 250);
        assert!(up <= 45.0);
    }
}

#[test]
fn who_joins_behind_a_bottleneck_does_not_flood_it() {
    for seed in SEEDS {
        let link = Link { bps: 500_000.0, delay: 50_000, queue_ms: 2_000, ..Link::default() };
        let mut world = World::new(&LAYERS, link, seed);
        let samples = world.run(60).to_vec();
        let (least, most) = estimates(after(&samples, 5));
        let (first, queue) = (worst_queue(&samples), worst_queue(after(&samples, 5)));
        println!("{least} to {most} kb/s, at first {first} ms of queue, then {queue} ms");
        assert!(samples.iter().all(|sample| sample.choice.layer == SUB));
        assert!(first < 1_000 && queue <= 300);
        assert!(least > 300 && most < 600);
        assert_eq!(world.lost, 0);
    }
}

#[test]
fn random_loss_is_no_congestion() {
    for (loss, seed) in [0.01, 0.05].into_iter().flat_map(|loss| SEEDS.map(move |seed| (loss, seed))) {
        let mut world = World::new(&LAYERS, Link { loss, delay: 50_000, ..Link::default() }, seed);
        let samples = world.run(120).to_vec();
        let up = settled(&samples, |sample| sample.choice.layer == MAIN);
        let (least, most) = estimates(after(&samples, 10));
        println!("{loss}: main after {up} s, then {least} to {most} kb/s, {} probes", world.probes);
        assert!(up <= 6.0);
        assert!(least > 1_800);
    }
}

#[test]
fn large_key_pictures_are_carried() {
    let main = Video { bps: 1_000_000, key_bytes: 100_000, group_ms: 4_000, ..Video::MAIN };
    for seed in SEEDS {
        let link = Link { bps: 3e6, jitter: 3_000, ..Link::default() };
        let mut world = World::new(&[main, Video::SUB], link, seed);
        let samples = world.run(120).to_vec();
        let (least, most) = estimates(after(&samples, 10));
        let queue = worst_queue(&samples);
        println!("{least} to {most} kb/s, {queue} ms of queue, {} lost", world.lost);
        assert_eq!(switches(after(&samples, 10)), 0);
        assert!(samples.iter().all(|sample| sample.choice.thinning == Thinning::None));
        assert!(least > 1_200 && most <= 3_300);
        assert!(queue <= 300);
    }
}

#[test]
fn feedback_that_stays_away_lowers_the_estimate_until_it_returns() {
    for seed in SEEDS {
        let mut world = World::new(&LAYERS, Link::default(), seed);
        world.run(10);
        let before = world.estimator.estimate();
        world.deaf = true;
        let samples = world.run(10).to_vec();
        let down = reached(&samples, |sample| sample.estimate < before / 2);
        assert!(samples.last().is_some_and(|sample| !sample.normal));
        world.deaf = false;
        let samples = world.run(30).to_vec();
        let up = settled(&samples, |sample| sample.choice.layer == MAIN && sample.normal);
        println!("halved after {down} s, main {up} s after its return");
        assert!((1.0..6.0).contains(&down));
        assert!(up <= 15.0);
    }
}

#[test]
fn a_link_too_slow_for_any_layer_gets_fewer_pictures() {
    for (bps, wanted) in
        [(200_000.0, Thinning::NonReference), (100_000.0, Thinning::KeysOnly), (60_000.0, Thinning::KeysOnly)]
    {
        for seed in SEEDS {
            let link = Link { bps, queue_ms: 1_000, delay: 50_000, jitter: 5_000, ..Link::default() };
            let mut world = World::new(&LAYERS, link, seed);
            let samples = world.run(90).to_vec();
            let thinned = reached(&samples, |sample| sample.choice.thinning != Thinning::None);
            let late = after(&samples, 30);
            let right = late.iter().filter(|sample| sample.choice.thinning == wanted).count();
            let percent = 100 * right / late.len();
            world.link.bps = 1e9;
            let samples = world.run(40).to_vec();
            let whole = settled(&samples, |sample| sample.choice.thinning == Thinning::None);
            let up = settled(&samples, |sample| sample.choice.layer == MAIN);
            println!(
                "{bps}: thinned after {thinned} s, {wanted:?} for {percent} % of the time; whole again after {whole} s, \
                 main after {up} s, {} probes",
                world.probes
            );
            assert!(thinned <= 3.0);
            assert!(percent >= 85);
            assert!(whole <= 15.0 && up <= 20.0);
        }
    }
}

#[test]
fn a_policer_without_a_queue_is_found_by_its_losses() {
    for seed in SEEDS {
        let mut world = World::new(&LAYERS, Link { queue_ms: 5, delay: 50_000, ..Link::default() }, seed);
        world.run(10);
        world.link.bps = 500_000.0;
        let samples = world.run(60).to_vec();
        let down = settled(&samples, |sample| sample.choice.layer == SUB);
        let (least, most) = estimates(after(&samples, 5));
        world.link.bps = 1e9;
        let samples = world.run(40).to_vec();
        let up = settled(&samples, |sample| sample.choice.layer == MAIN);
        println!("sub after {down} s, then {least} to {most} kb/s; main {up} s after its end");
        assert!(down <= 3.0);
        assert!(least > 200 && most < 700);
        assert!(up <= 20.0);
    }
}

#[test]
fn mistakes_become_rarer() {
    // A run of packets gets more than its share beside steady traffic, so that the estimate is too high.
    for seed in SEEDS {
        let mut world = World::new(&LAYERS, Link { bps: 5e6, jitter: 5_000, ..Link::default() }, seed);
        world.run(10);
        world.link.cross_bps = 4e6;
        let samples = world.run(180).to_vec();
        let (early, late) = (switches(&samples[..900]), switches(&samples[900..]));
        let on_main = samples.iter().filter(|sample| sample.choice.layer == MAIN).count();
        println!("{early} switches in the first half, {late} in the second; {} % on main", on_main / 18);
        assert!(early <= 10 && late <= 4);
    }
}
