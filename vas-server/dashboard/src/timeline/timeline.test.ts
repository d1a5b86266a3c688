import { describe, expect, it } from "vitest";
import { FakeClock } from "../test/fake-clock";
import { gapsOf, joined } from "./draw";
import { TimelineInput, type InputTarget, type Pointer } from "./input";
import { bucketFor, centred, DAY, HOUR, MAX_SPAN, MIN_SPAN, MINUTE, panned, SECOND, snapped, ticks, tileStarts, timeAt, type Clip, type View, withEnd, xOf, zoomed } from "./model";
import { stepFor } from "./storyboard";
import { tileOf, Tiles, type Lane, type LaneAnswer, type TimelineAnswer } from "./tiles";

const NOON = Date.UTC(2026, 10, 22, 12);
const view: View = { start: NOON, span: HOUR, width: 1_000 };

describe("the view", () => {
  it("turns times into places and back", () => {
    expect(xOf(view, NOON + 30 * MINUTE)).toBe(500);
    expect(timeAt(view, 250)).toBe(NOON + 15 * MINUTE);
  });

  it("zooms around a place, from 30 s to 30 days", () => {
    const near = zoomed(view, 0.5, 250);
    expect(near.span).toBe(30 * MINUTE);
    expect(timeAt(near, 250)).toBe(timeAt(view, 250));
    expect(zoomed(view, 1e-9, 0).span).toBe(MIN_SPAN);
    expect(zoomed(view, 1e9, 0).span).toBe(MAX_SPAN);
  });

  it("keeps the present in sight, and something of the past", () => {
    const now = NOON + HOUR;
    expect(panned(view, -1e6, 0, now).start).toBe(now - HOUR * 0.1);
    expect(panned(view, 1e9, NOON - DAY, now).start).toBe(NOON - DAY - HOUR * 0.9);
    expect(panned(view, 100, 0, now).start).toBe(NOON - 6 * MINUTE);
  });

  it("is centred on a time", () => expect(xOf(centred(view, NOON), NOON)).toBe(500));
});

describe("detail", () => {
  it.each([
    [MIN_SPAN, SECOND], [10 * MINUTE, SECOND], [10 * MINUTE + 1, 10 * SECOND], [2 * HOUR, 10 * SECOND], [12 * HOUR, MINUTE],
    [3 * DAY, 5 * MINUTE], [30 * DAY, HOUR],
  ])("of %i ms is buckets of %i ms", (span, bucket) => expect(bucketFor(span)).toBe(bucket));

  it("comes in tiles of 512 aligned buckets", () => {
    const size = 512 * SECOND;
    const starts = tileStarts(SECOND, NOON, NOON + size);
    expect(starts).toHaveLength(2);
    expect(starts.every((start) => start % size === 0)).toBe(true);
    expect(starts[0]).toBeLessThanOrEqual(NOON);
  });
});

describe("ticks", () => {
  const gap = (shown: View) => {
    const { step, times } = ticks(shown, () => 0);
    return { step, times };
  };

  it("lie at whole times, some eighty pixels apart", () => {
    expect(gap(view).step).toBe(10 * MINUTE);
    expect(gap({ ...view, span: 30 * SECOND }).step).toBe(5 * SECOND);
    expect(gap({ ...view, span: 12 * HOUR }).step).toBe(2 * HOUR);
    expect(gap(view).times.every((at) => at % (10 * MINUTE) === 0)).toBe(true);
  });

  it("lie at whole local times, also where clocks are changed", () => {
    // As in Berlin on 25 October 2026: two hours ahead of UTC until 01:00 UTC, then one.
    const change = Date.UTC(2026, 9, 25, 1);
    const offset = (at: number) => (at < change ? 2 : 1) * HOUR;
    const { times, step } = ticks({ start: change - 2 * DAY, span: 4 * DAY, width: 500 }, offset);
    expect(step).toBe(DAY);
    expect(times.map((at) => (at + offset(at)) % DAY)).toEqual(times.map(() => 0));
  });
});

describe("snapping", () => {
  it("reaches eight pixels", () => {
    const target = NOON + MINUTE;
    const perPixel = HOUR / 1_000;
    expect(snapped(view, target + 8 * perPixel, [target])).toBe(target);
    expect(snapped(view, target + 9 * perPixel, [target])).toBe(target + 9 * perPixel);
    expect(snapped(view, target + 3 * perPixel, [target, target + 4 * perPixel])).toBe(target + 4 * perPixel);
  });
});

it("a clip's ends never cross", () => {
  const clip = { from: 0, to: 10_000 };
  expect(withEnd(clip, "from", 20_000)).toEqual({ from: 9_000, to: 10_000 });
  expect(withEnd(clip, "to", -5)).toEqual({ from: 0, to: 1_000 });
});

it("small pictures come in a few distances", () => {
  expect([MIN_SPAN, HOUR, 12 * HOUR, 30 * DAY].map(stepFor)).toEqual([1_000, 30_000, 300_000, 3_600_000]);
});

const lane = (ranges: [number, number][]): LaneAnswer => ({
  stream_id: "a", ranges, coverage: "", activity: btoa("\x01\xff"), bookmarks: [], events: [], retained_from: null,
});

describe("ranges", () => {
  it("are joined where tiles meet, and have gaps elsewhere", () => {
    const lanes = [lane([[0, 100], [2_000, 5_000]]), lane([[5_000, 9_000]])].map((one) => ({ ...one, activity: null }) as unknown as Lane);
    expect(joined(lanes)).toEqual([[0, 100], [2_000, 9_000]]);
    expect(gapsOf(joined(lanes))).toEqual([[100, 2_000]]);
  });
});

describe("tiles", () => {
  function setUp() {
    const clock = new FakeClock();
    const asked: { start: number; bucket: number; anew: boolean }[] = [];
    let fails = false;
    const tiles = new Tiles({
      clock,
      fetch: (_streams, start, _end, bucket, anew) => {
        asked.push({ start, bucket, anew });
        if (fails) return Promise.reject(new Error("down"));
        const answer: TimelineAnswer = { bucket_ms: bucket, start, lanes: [lane([[start, start + 10]])], live_edge: null };
        return Promise.resolve(answer);
      },
    });
    tiles.setStreams(["a"]);
    return { clock, tiles, asked, fail: (value: boolean) => (fails = value) };
  }
  const past = NOON - 5 * DAY;

  it("are fetched once, with the ones beside them", async () => {
    const { tiles, asked, clock } = setUp();
    expect(tiles.view(SECOND, past, past + MINUTE)).toEqual([]);
    await clock.advance(10_000);
    expect(asked).toHaveLength(3);
    expect(tiles.view(SECOND, past, past + MINUTE)).toHaveLength(1);
    expect(asked).toHaveLength(3);
  });

  it("of the present grow, and none is asked for of the future", async () => {
    const { tiles, asked, clock } = setUp();
    const now = clock.wall();
    tiles.view(SECOND, now - MINUTE, now);
    await clock.advance(6_000);
    const before = asked.length;
    tiles.view(SECOND, now - MINUTE, now);
    expect(asked.length).toBeGreaterThan(before);
    expect(asked.every(({ start }) => start <= now + 6_000)).toBe(true);
  });

  it("are asked for anew after a change, and after a failure not at once", async () => {
    const { tiles, asked, clock, fail } = setUp();
    tiles.view(SECOND, past, past + MINUTE);
    await clock.advance(0);
    tiles.invalidate(past);
    tiles.view(SECOND, past, past + MINUTE);
    await clock.advance(0);
    expect(asked.at(-1)?.anew).toBe(true);
    fail(true);
    tiles.invalidate();
    tiles.view(SECOND, past, past + MINUTE);
    await clock.advance(0);
    const failed = asked.length;
    expect(tiles.error).toBeInstanceOf(Error);
    tiles.view(SECOND, past, past + MINUTE);
    expect(asked.length).toBe(failed);
    fail(false);
    await clock.advance(3_500);
    tiles.invalidate();
    tiles.view(SECOND, past, past + MINUTE);
    await clock.advance(0);
    expect(tiles.error).toBeNull();
  });

  it("have their bytes read", () => {
    const tile = tileOf({ bucket_ms: 1_000, start: 0, lanes: [lane([])], live_edge: null });
    expect([...(tile.lanes.get("a")?.activity ?? [])]).toEqual([1, 255]);
  });
});

describe("input", () => {
  function setUp({ head = NOON + 30 * MINUTE as number | null, clip = null as Clip | null, fixed = false } = {}) {
    const clock = new FakeClock();
    const seeks: [number, boolean][] = [];
    const state = { view, clip };
    const target: InputTarget = {
      view: () => state.view,
      setView: (next) => void (state.view = next),
      pan: (dx) => void (state.view = panned(state.view, dx, 0, NOON + 10 * DAY)),
      head: () => head,
      clip: () => state.clip,
      setClip: (next) => void (state.clip = next),
      seek: (time, scrubbing) => void seeks.push([time, scrubbing]),
      overview: (share) => void seeks.push([share, false]),
      targets: () => [NOON + 10 * MINUTE],
      row: (y) => (y < 28 ? "overview" : y < 56 ? "ruler" : "lanes"),
      fixed: () => fixed,
    };
    const input = new TimelineInput(target, clock);
    const at = (x: number, y = 80, more: Partial<Pointer> = {}): Pointer => ({ id: 1, x, y, shift: false, touch: false, ...more });
    return { clock, input, seeks, state, at };
  }

  it("seeks with a click, drawn to what is near", () => {
    const { input, seeks, at } = setUp();
    input.down(at(170));
    input.move(at(172));
    input.up(at(172));
    expect(seeks).toEqual([[NOON + 10 * MINUTE, false]]);
  });

  it("pans with a drag, and glides on", async () => {
    const { input, state, at, clock, seeks } = setUp({ head: null });
    input.down(at(500, 40));
    for (let x = 500; x <= 700; x += 20) {
      await clock.advance(10);
      input.move(at(x, 40));
    }
    expect(xOf(state.view, NOON)).toBeCloseTo(200);
    input.up(at(700, 40));
    const left = state.view.start;
    await clock.advance(3_000);
    expect(state.view.start).toBeLessThan(left);
    const rest = state.view.start;
    await clock.advance(3_000);
    expect(state.view.start).toBe(rest);
    expect(seeks).toEqual([]);
  });

  it("does not glide when the pointer had come to rest", async () => {
    const { input, state, at, clock } = setUp({ head: null });
    input.down(at(500));
    input.move(at(600));
    await clock.advance(200);
    input.up(at(600));
    const left = state.view.start;
    await clock.advance(1_000);
    expect(state.view.start).toBe(left);
  });

  it("scrubs with the playhead, and is exact at the end", () => {
    const { input, seeks, at } = setUp();
    expect(input.grip(at(503))).toBe("head");
    input.down(at(503));
    input.move(at(600));
    input.up(at(600));
    expect(seeks).toEqual([[NOON + 36 * MINUTE, true], [NOON + 36 * MINUTE, false]]);
  });

  it("moves an end of the clip, and makes one with Shift", () => {
    const { input, state, at } = setUp({ clip: { from: NOON + 30 * MINUTE, to: NOON + 40 * MINUTE }, head: null });
    input.down(at(667));
    input.move(at(800));
    input.up(at(800));
    expect(state.clip).toEqual({ from: NOON + 30 * MINUTE, to: NOON + 48 * MINUTE });
    input.down(at(400, 80, { shift: true }));
    input.move(at(300, 80, { shift: true }));
    input.up(at(300, 80, { shift: true }));
    expect(state.clip).toEqual({ from: NOON + 18 * MINUTE, to: NOON + 24 * MINUTE });
  });

  it("zooms with Ctrl and the wheel at the pointer, and with two fingers", () => {
    const { input, state, at } = setUp();
    input.wheel({ x: 250, y: 80 }, 0, -300, true);
    expect(state.view.span).toBeLessThan(HOUR);
    expect(timeAt(state.view, 250)).toBeCloseTo(timeAt(view, 250), 0);
    const span = state.view.span;
    input.down(at(400, 80, { id: 1, touch: true }));
    input.down(at(600, 80, { id: 2, touch: true }));
    input.move(at(800, 80, { id: 2, touch: true }));
    expect(state.view.span).toBeCloseTo(span / 2);
    input.up(at(400, 80, { id: 1 }));
    input.up(at(800, 80, { id: 2 }));
    expect(input.active).toBe(false);
  });

  it("pans with the wheel", () => {
    const { input, state } = setUp();
    input.wheel({ x: 0, y: 80 }, 0, 100, false);
    expect(xOf(state.view, NOON)).toBeCloseTo(-100);
  });

  it("chooses a time of the overview", () => {
    const { input, seeks, at } = setUp();
    input.down(at(250, 10));
    expect(seeks).toEqual([[0.25, false]]);
  });

  it("moves the time beneath a playhead that stands still", async () => {
    const { input, seeks, at, clock } = setUp({ fixed: true });
    input.down(at(500));
    await clock.advance(16);
    input.move(at(400));
    await clock.advance(200);
    input.up(at(400));
    expect(seeks[0]).toEqual([NOON + 36 * MINUTE, true]);
    expect(seeks.at(-1)).toEqual([NOON + 36 * MINUTE, false]);
  });
});
