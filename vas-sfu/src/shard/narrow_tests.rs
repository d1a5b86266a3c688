//! A viewer behind a line that is, or becomes, too narrow for the camera's main stream.

use super::simulation::{GROUP, World};

/// Bits per second of a line that is not narrow.
const WIDE: f64 = 1e9;
const MAIN: usize = 0;
const SUB: usize = 1;

/// Lines: bits per second, and milliseconds on the way.
const NARROW: [(f64, i64); 5] = [(500e3, 20), (500e3, 5), (500e3, 60), (400e3, 20), (1e6, 20)];
/// The same of those that are far enough not to be sent the first packets as fast as they go.
const FAR: [(f64, i64); 4] = [(500e3, 20), (500e3, 60), (350e3, 20), (1e6, 20)];

/// The places of a group at which something happens.
fn places() -> impl Iterator<Item = u64> {
    (0..GROUP).step_by(5)
}

fn summary(world: &World, from: i64) -> String {
    format!(
        "frozen for {:.2} s, {} pictures shown, {} packets repaired, {} sent again in vain, {} key requests, {} of {} \
         dropped, {:.2} s of the line in the busiest second",
        world.frozen_since(from),
        world.viewer.shown.len(),
        world.viewer.repaired,
        world.viewer.again,
        world.viewer.key_requests,
        world.line.dropped,
        world.line.offered,
        world.line.busiest_second(),
    )
}

/// The larger layer is left as soon as feedback can tell, what is lost of it is not sent again, and the smaller one's
/// cached group comes through whole, however large it is.
#[test]
fn a_fall_costs_no_more_than_finding_out_takes() {
    for ((bps, delay), place) in NARROW.into_iter().flat_map(|line| places().map(move |place| (line, place)))
    {
        let mut world = World::join(WIDE, delay, place, true);
        world.run(8_000 + place as i64);
        assert_eq!(world.layer(), MAIN);
        let from = world.now;
        world.line.narrow(bps);
        world.run(20_000);
        let (summary, fell) = (summary(&world, from), world.reaches(SUB, from));
        println!("{bps:e} b/s, {delay} ms, picture {place}: sub after {fell:?} s; {summary}");
        assert_eq!(world.layer(), SUB);
        assert!(fell.is_some_and(|seconds| seconds < 0.6), "{fell:?}");
        assert!(world.frozen_since(from) < 1.1 && world.viewer.key_requests == 0, "{summary}");
    }
}

/// Cameras with four seconds between key pictures, of whose sub stream there may be two seconds of the line to catch up
/// with.
#[test]
fn a_fall_with_long_groups_shows_pictures_soon() {
    for place in (0..2 * GROUP).step_by(10) {
        let mut world = World::join_groups(2 * GROUP, WIDE, 20, place, true);
        world.run(12_000);
        assert_eq!(world.layer(), MAIN);
        let from = world.now;
        world.line.narrow(500e3);
        world.run(20_000);
        let summary = summary(&world, from);
        println!("picture {place}: sub after {:?} s; {summary}", world.reaches(SUB, from));
        assert!(world.frozen_since(from) < 1.1 && world.viewer.key_requests == 0, "{summary}");
    }
}

/// Whatever there is to start a viewer with, and whether or not the layers' rates are known.
#[test]
fn a_join_brings_what_the_line_carries() {
    for ((bps, delay), place) in FAR.into_iter().flat_map(|line| places().map(move |place| (line, place))) {
        for known in [false, true] {
            let mut world = World::join(bps, delay, place, known);
            world.run(8_000);
            let summary = summary(&world, 0);
            println!("{bps:e} b/s, {delay} ms, picture {place}, rates known: {known}; {summary}");
            assert!(world.line.busiest_second() < 1.4, "{summary}");
            assert!(world.line.dropped <= world.line.offered / 25, "{summary}");
            assert!(world.frozen_since(0) < 0.6 && world.viewer.key_requests == 0, "{summary}");
        }
    }
}

/// Care for narrow lines costs wide ones little.
#[test]
fn who_joins_over_a_wide_line_soon_has_the_larger_layer() {
    for (delay, place) in [2, 20, 60].into_iter().flat_map(|delay| places().map(move |place| (delay, place)))
    {
        let mut world = World::join(WIDE, delay, place, true);
        world.run(8_000);
        let (first, main) = (world.viewer.shown[0], world.reaches(MAIN, 0));
        println!("{delay} ms, picture {place}: the first after {first} us, main after {main:?} s");
        assert!(first < 2 * delay * 1_000 + 50_000);
        assert!(main.is_some_and(|seconds| seconds < 1.9), "{main:?}");
        assert_eq!((world.layer(), world.line.dropped), (MAIN, 0));
        assert!(world.frozen_since(0) < 0.3);
    }
}

/// What fell comes back with the line.
#[test]
fn the_larger_layer_comes_back_with_the_line() {
    for place in places() {
        let mut world = World::join(WIDE, 20, place, true);
        world.run(8_000);
        world.line.narrow(500e3);
        world.run(20_000);
        let from = world.now;
        world.line.narrow(WIDE);
        world.run(30_000);
        let back = world.reaches(MAIN, from);
        println!("picture {place}: main {back:?} s after the line; {}", summary(&world, from));
        assert!(back.is_some_and(|seconds| seconds < 15.0), "{back:?}");
        assert!(world.frozen_since(from) < 0.3);
    }
}
