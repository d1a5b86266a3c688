import { expect, it } from "vitest";
import { safePath } from ".";

it("goes on to paths of this site alone", () => {
  expect(safePath("/devices?x=1")).toBe("/devices?x=1");
  for (const foreign of ["//evil.example", "/\\evil.example", "https://evil.example", undefined, ["/a", "/b"]]) {
    expect(safePath(foreign)).toBe("/");
  }
});
