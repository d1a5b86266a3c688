import { describe, expect, it } from "vitest";
import { parseAsked, score } from "./parse";

const NOW = Date.UTC(2026, 10, 22, 14, 32);
const at = (input: string, offset = 0): string | null => {
  const asked = parseAsked(input, NOW, offset);
  return asked.at === null ? null : new Date(asked.at).toISOString().slice(0, 16);
};

describe("times as people type them", () => {
  it("are of today, or of yesterday where they are yet to come", () => {
    expect(at("14:30")).toBe("2026-11-22T14:30");
    expect(at("23:15")).toBe("2026-11-21T23:15");
    expect(at("yesterday 9:05")).toBe("2026-11-21T09:05");
  });

  it("take days in two ways of writing", () => {
    expect(at("2026-11-20 08:00")).toBe("2026-11-20T08:00");
    expect(at("20.11. 8:00")).toBe("2026-11-20T08:00");
    expect(at("24.12.")).toBe("2025-12-24T00:00");
  });

  it("count in the shown zone", () => {
    expect(at("14:30", 3_600_000)).toBe("2026-11-22T13:30");
    expect(at("2026-11-22", 3_600_000)).toBe("2026-11-21T23:00");
  });

  it("count back from now", () => {
    expect(at("10 min ago")).toBe("2026-11-22T14:22");
    expect(at("-2h")).toBe("2026-11-22T12:32");
  });

  it("leave the name of the camera", () => {
    expect(parseAsked("dock east 14:30", NOW, 0).text).toBe("dock east");
    expect(parseAsked("dock", NOW, 0)).toEqual({ text: "dock", at: null });
  });
});

describe("names", () => {
  it("fit best from their beginning", () => {
    expect(score("Loading dock east", "load")).toBe(0);
    expect(score("Loading dock east", "dock")).toBe(1);
    expect(score("Loading dock east", "oading")).toBe(2);
    expect(score("Loading dock east", "east load")).toBe(3);
    expect(score("Yard", "dock")).toBeNull();
  });
});
