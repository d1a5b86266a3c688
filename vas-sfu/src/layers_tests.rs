//! Allocation step by step.

use super::*;
use proptest::collection::vec;
use proptest::prelude::*;

const SUB: LayerRate = LayerRate { bps: Some(250_000), width: 640, height: 360, usable: true };
const MAIN: LayerRate = LayerRate { bps: Some(1_500_000), width: 1_920, height: 1_080, usable: true };
/// The lowest is the second.
const LAYERS: [LayerRate; 2] = [MAIN, SUB];

/// One consumer and the time.
struct One {
    steering: Steering,
    wish: Wish,
    budget: Budget,
    now: Instant,
}

impl One {
    fn new(bps: u64) -> Self {
        let budget = Budget { bps, measured: true, probed: false, congested: false };
        Self { steering: Steering::default(), wish: Wish::default(), budget, now: Instant::now() }
    }

    /// Allocates every 100 ms for so long; gives what it was given and what is wanted in the end.
    fn run(&mut self, seconds: f64, bps: u64) -> (Option<usize>, Thinning, Option<u64>) {
        self.budget.bps = bps;
        let mut wanted = None;
        for _ in 0..(seconds * 10.0) as u32 {
            self.now += Duration::from_millis(100);
            let mut demands = [Demand::new(&LAYERS, self.wish, self.steering)];
            wanted = allocate(self.budget, &mut demands, self.now);
            self.steering = demands[0].steering();
        }
        let Choice { layer, thinning } = self.steering.choice();
        (layer, thinning, wanted)
    }
}

#[test]
fn up_takes_time_and_down_takes_none() {
    let mut one = One::new(0);
    assert_eq!(one.run(0.1, 1_000_000), (Some(1), Thinning::None, Some(1_800_000)));
    // It would fit, but not with a margin.
    assert_eq!(one.run(60.0, 1_700_000), (Some(1), Thinning::None, Some(1_800_000)));
    assert_eq!(one.run(1.9, 1_900_000), (Some(1), Thinning::None, None));
    assert_eq!(one.run(0.2, 1_900_000), (Some(0), Thinning::None, None));
    // Without the margin it stays.
    assert_eq!(one.run(40.0, 1_550_000), (Some(0), Thinning::None, None));
    assert_eq!(one.run(0.1, 1_400_000), (Some(1), Thinning::None, None));
    // And not at once up again.
    assert_eq!(one.run(4.8, 1_900_000).0, Some(1));
    assert_eq!(one.run(0.3, 1_900_000).0, Some(0));
}

#[test]
fn mistakes_make_it_wait_longer() {
    let mut one = One::new(0);
    one.run(1.0, 1_000_000);
    let mut waited = Vec::new();
    for _ in 0..6 {
        let before = one.now;
        while one.run(0.1, 1_900_000).0 != Some(0) {}
        waited.push((one.now - before).as_secs());
        one.run(2.0, 1_900_000);
        one.run(0.1, 400_000);
    }
    assert_eq!(waited, [2, 10, 20, 40, 60, 60]);
    // A minute on the higher layer makes up for them.
    one.run(120.0, 1_900_000);
    one.run(0.1, 400_000);
    assert_eq!(one.run(5.1, 1_900_000).0, Some(0));
}

#[test]
fn a_probe_that_confirms_and_a_fast_start_need_no_hold() {
    let mut one = One::new(0);
    one.run(1.0, 1_000_000);
    one.budget.probed = true;
    assert_eq!(one.run(0.1, 1_900_000).0, Some(0));
    let mut one = One::new(0);
    one.run(1.0, 1_000_000);
    assert_eq!(one.run(0.1, 4_000_000).0, Some(0));
    // Congestion overrules both.
    let mut one = One::new(0);
    one.run(1.0, 1_000_000);
    (one.budget.probed, one.budget.congested) = (true, true);
    assert_eq!(one.run(10.0, 4_000_000).0, Some(1));
}

#[test]
fn size_pin_and_pause_decide_before_bandwidth() {
    let mut one = One::new(0);
    one.wish.size = Some((320, 180));
    assert_eq!(one.run(10.0, 50_000_000), (Some(1), Thinning::None, None));
    one.wish.size = Some((1_280, 720));
    assert_eq!(one.run(10.0, 50_000_000), (Some(0), Thinning::None, None));
    one.wish.size = Some((640, 360));
    assert_eq!(one.run(0.1, 50_000_000).0, Some(1), "at once");
    one.wish.size = Some((8_000, 8_000));
    assert_eq!(one.run(10.0, 50_000_000).0, Some(0), "nothing covers it");
    one.wish.pinned = Some(1);
    assert_eq!(one.run(0.1, 50_000_000), (Some(1), Thinning::None, None));
    one.wish.pinned = Some(0);
    assert_eq!(one.run(0.6, 1_000_000), (Some(0), Thinning::NonReference, None));
    one.wish.paused = true;
    assert_eq!(one.run(0.1, 50_000_000).0, None);
    one.wish = Wish::default();
    assert_eq!(one.run(0.1, 50_000_000).0, Some(0));
}

#[test]
fn pictures_are_left_out_where_the_lowest_layer_does_not_fit() {
    let mut one = One::new(0);
    one.budget.measured = false;
    assert_eq!(one.run(1.0, 200_000).1, Thinning::None, "nothing is known yet");
    one.budget.measured = true;
    assert_eq!(one.run(1.0, 230_000).1, Thinning::None, "a little is borne");
    assert_eq!(one.run(0.5, 200_000).1, Thinning::None, "the estimate may rise yet");
    assert_eq!(one.run(0.1, 200_000).1, Thinning::NonReference);
    assert_eq!(one.run(0.6, 100_000).1, Thinning::KeysOnly);
    // Back in steps.
    assert_eq!(one.run(4.8, 160_000).1, Thinning::KeysOnly);
    assert_eq!(one.run(0.3, 160_000).1, Thinning::NonReference);
    assert_eq!(one.run(10.0, 255_000), (Some(1), Thinning::NonReference, Some(275_000)));
    assert_eq!(one.run(2.1, 270_000), (Some(1), Thinning::None, Some(1_800_000)));
    // No higher layer before all pictures.
    one.run(0.6, 200_000);
    assert_eq!(one.run(1.0, 50_000_000), (Some(1), Thinning::NonReference, None));
    assert_eq!(one.run(10.0, 50_000_000), (Some(0), Thinning::None, None));
}

#[test]
fn leaving_out_some_pictures_in_vain_leaves_out_more() {
    let mut one = One::new(0);
    one.run(1.0, 200_000);
    one.budget.congested = true;
    assert_eq!(one.run(1.9, 200_000).1, Thinning::NonReference);
    assert_eq!(one.run(0.3, 200_000).1, Thinning::KeysOnly);
}

#[test]
fn everybody_has_the_lowest_layer_before_one_has_a_higher() {
    let given = |bps| {
        let budget = Budget { bps, measured: true, probed: false, congested: false };
        let mut demands = [Demand::new(&LAYERS, Wish::default(), Steering::default()); 4];
        allocate(budget, &mut demands, Instant::now());
        demands.map(|demand| demand.steering().choice().layer)
    };
    assert_eq!(given(1_000_000), [Some(1); 4]);
    assert_eq!(given(2_200_000), [Some(1); 4]);
    assert_eq!(given(2_300_000), [Some(0), Some(1), Some(1), Some(1)]);
    assert_eq!(given(3_600_000), [Some(0), Some(0), Some(1), Some(1)]);
    assert_eq!(given(6_000_000), [Some(0); 4]);
}

#[test]
fn what_was_not_measured_is_taken_for_what_its_size_suggests() {
    let unknown = LayerRate { bps: None, ..MAIN };
    assert_eq!(unknown.cost(), 5_184_000);
    let nothing = LayerRate { bps: None, width: 0, height: 0, usable: true };
    assert_eq!(nothing.cost(), 4_000_000);
    let dead = LayerRate { usable: false, ..SUB };
    let mut demands = [Demand::new(&[dead, dead], Wish::default(), Steering::default())];
    let budget = Budget { bps: 0, measured: true, probed: false, congested: false };
    assert_eq!(allocate(budget, &mut demands, Instant::now()), None);
    assert_eq!(demands[0].steering().choice().layer, None);
}

#[test]
fn a_layer_that_was_not_measured_is_gone_up_to_with_care() {
    // By its size it would take 576 kb/s.
    let unknown = LayerRate { bps: None, width: 640, height: 360, usable: true };
    let rises = |bps, probed, rate| {
        let budget = Budget { bps, measured: true, probed, congested: false };
        let (mut steering, now) = (Steering::default(), Instant::now());
        let mut after = |ms| {
            let mut demands = [Demand::new(&[rate, SUB], Wish::default(), steering)];
            if ms == 0 {
                allocate(Budget { bps: 0, ..budget }, &mut demands, now);
            } else {
                allocate(budget, &mut demands, now + Duration::from_millis(ms));
            }
            steering = demands[0].steering();
            steering.choice().layer
        };
        assert_eq!(after(0), Some(1));
        (1..30).find(|tenth| after(tenth * 100) == Some(0))
    };
    assert_eq!(rises(1_300_000, true, unknown), Some(21));
    assert_eq!(rises(1_300_000, false, unknown), Some(21));
    assert_eq!(rises(2_400_000, false, unknown), Some(1));
    let known = LayerRate { bps: Some(576_000), ..unknown };
    assert_eq!(rises(1_300_000, false, known), Some(1));
    assert_eq!(rises(800_000, true, known), Some(1));
}

proptest! {
    #[test]
    fn any_demand_is_met_within_the_budget(
        rates in vec((proptest::option::of(0_u64..u64::MAX / 4), 0_u32..8_000, any::<bool>()), 0..10),
        steps in vec((0_u64..20_000_000, any::<[bool; 3]>(), 0_u64..20_000, 0_usize..12), 1..60),
    ) {
        let layers: Vec<LayerRate> =
            rates.iter().map(|&(bps, height, usable)| LayerRate { bps, width: height, height, usable }).collect();
        let mut steerings = [Steering::default(); 3];
        let mut now = Instant::now();
        let mut raised: [Option<Instant>; 3] = [None; 3];
        for (bps, [measured, probed, congested], ms, pin) in steps {
            now += Duration::from_millis(ms);
            let before = steerings.map(|steering| steering.choice());
            let budget = Budget { bps, measured, probed, congested };
            let wish = Wish { pinned: (pin > 6).then_some(pin), ..Wish::default() };
            let mut demands = steerings.map(|steering| Demand::new(&layers, wish, steering));
            let wanted = allocate(budget, &mut demands, now);
            steerings = demands.map(|demand| demand.steering());
            prop_assert!(wanted.is_none_or(|wanted| wanted > bps));
            let mut total = 0_u64;
            let mut lowest = 0_u64;
            let usable = layers.iter().take(MAX_LAYERS).filter(|layer| layer.usable);
            let least = usable.map(LayerRate::cost).min().unwrap_or(0);
            for n in 0..3 {
                let Some(layer) = steerings[n].choice().layer else { continue };
                prop_assert!(layers[layer].usable);
                let cost = layers[layer].cost();
                if let Some(old) = before[n].layer.filter(|old| wish.pinned.is_none() && layers[*old].cost() < cost) {
                    prop_assert!(!congested, "{old}");
                    let waited = raised[n].is_none_or(|at| now - at >= INTERVAL);
                    prop_assert!(waited);
                }
                if before[n].layer.is_some_and(|old| layers[old].cost() < cost) {
                    raised[n] = Some(now);
                }
                total += cost;
                lowest += least;
            }
            if wish.pinned.is_none() {
                prop_assert!(total <= bps.max(lowest), "{total} {lowest}");
            }
        }
    }
}
