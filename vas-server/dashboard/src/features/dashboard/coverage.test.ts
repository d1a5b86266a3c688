import { describe, expect, it } from "vitest";
import { coverageOf } from "./coverage";

const lane = (...ranges: [number, number][]) => ({ ranges, retained_from: null });
const H = 3_600_000;

describe("coverage", () => {
  it("is the share that was recorded, with its gaps", () => {
    const found = coverageOf(lane([0, 6 * H], [7 * H, 24 * H]), 0, 24 * H, 0);
    expect(found.share).toBeCloseTo(23 / 24);
    expect(found.gaps).toEqual([{ start: 6 * H, end: 7 * H }]);
  });

  it("counts from when there was a camera", () => {
    expect(coverageOf(lane([20 * H, 24 * H]), 0, 24 * H, 20 * H)).toEqual({ share: 1, gaps: [] });
  });

  it("does not take what is still being written for a gap", () => {
    expect(coverageOf(lane([0, 24 * H - 5_000]), 0, 24 * H, 0)).toEqual({ share: 1, gaps: [] });
    expect(coverageOf(lane([0, 23 * H]), 0, 24 * H, 0).gaps).toEqual([{ start: 23 * H, end: 24 * H }]);
  });

  it("has no share where nothing was recorded", () => {
    expect(coverageOf(lane(), 0, 24 * H, 0).share).toBeNull();
  });
});
