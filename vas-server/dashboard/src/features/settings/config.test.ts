import { expect, it } from "vitest";
import { textOf, valueOf } from "./config";

it("types values as their settings have them", () => {
  expect(valueOf("14", 7)).toBe(14);
  expect(valueOf("x", 7)).toBeUndefined();
  expect(valueOf("a.example, b.example", ["x"])).toEqual(["a.example", "b.example"]);
  expect(valueOf("", ["x"])).toEqual([]);
  expect(valueOf("true", false)).toBe(true);
  expect(valueOf("{\"a\":1}", {})).toEqual({ a: 1 });
  expect(valueOf("{", {})).toBeUndefined();
  expect(valueOf(" text ", "x")).toBe("text");
});

it("shows values as they are typed", () => {
  expect([textOf(["a", "b"]), textOf(null), textOf(5), textOf({ a: 1 })]).toEqual(["a, b", "", "5", "{\"a\":1}"]);
});
