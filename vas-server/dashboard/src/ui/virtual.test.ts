import { expect, it } from "vitest";
import { spanOf } from "./virtual";

it("makes the rows in view and a few beyond", () => {
  expect(spanOf(0, 440, 44, 500)).toEqual({ first: 0, end: 16 });
  expect(spanOf(4_400, 440, 44, 500)).toEqual({ first: 94, end: 116 });
  expect(spanOf(21_560, 440, 44, 500)).toEqual({ first: 484, end: 500 });
  expect(spanOf(0, 440, 44, 3)).toEqual({ first: 0, end: 3 });
  // The list became shorter than where it was scrolled to.
  expect(spanOf(9_999, 440, 44, 3)).toEqual({ first: 3, end: 3 });
});
