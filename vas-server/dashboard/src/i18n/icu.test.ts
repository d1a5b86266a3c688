import { describe, expect, it } from "vitest";
import { format, parse } from "./icu";

const say = (source: string, values = {}, locale = "en"): string => format(parse(source), values, locale);

describe("messages", () => {
  it("put values in their places, numbers as the locale writes them", () => {
    expect(say("{a} and {b}", { a: "x", b: 12345.5 })).toBe("x and 12,345.5");
    expect(say("{b}", { b: 12345.5 }, "de")).toBe("12.345,5");
  });

  it("choose by number, with the exact case first", () => {
    const source = "{n, plural, =0 {none} one {# camera} other {# cameras}} here";
    expect([0, 1, 2, 1000].map((n) => say(source, { n }))).toEqual([
      "none here", "1 camera here", "2 cameras here", "1,000 cameras here",
    ]);
  });

  it("choose by word and nest", () => {
    const source = "{who, select, me {you have {n, plural, one {# tile} other {# tiles}}} other {{who} has #}}";
    expect(say(source, { who: "me", n: 3 })).toBe("you have 3 tiles");
    expect(say(source, { who: "Kern" })).toBe("Kern has #");
  });

  it("refuses what is not closed or has no other", () => {
    expect(() => parse("{a")).toThrow("not closed");
    expect(() => parse("{a, plural, one {x}}")).toThrow("other");
  });
});
