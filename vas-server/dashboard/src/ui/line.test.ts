import { describe, expect, it } from "vitest";
import { gridSteps, linePath } from "./line";

describe("lines", () => {
  it("go through their values and break where there are none", () => {
    expect(linePath([0, 10], 100, 24)).toEqual({ line: "M0 22L100 2", area: "M0 24L0 22L100 2L100 24Z" });
    expect(linePath([1, null, 1, 1], 90, 24).line).toBe("M0 2h0.1M60 2L90 2");
    expect(linePath([null], 90, 24).line).toBe("");
  });

  it("have grids of round numbers that hold the largest", () => {
    expect(gridSteps(230, 3)).toEqual([0, 100, 200, 300]);
    expect(gridSteps(240, 3)).toEqual([0, 100, 200, 300]);
    expect(gridSteps(0, 3)).toEqual([0, 1]);
    expect(gridSteps(0.9, 4).at(-1)).toBeGreaterThanOrEqual(0.9);
  });
});
