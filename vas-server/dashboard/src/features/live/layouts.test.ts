import { expect, it } from "vitest";
import { arrange, bestColumns, capacity, LAYOUTS, layoutFor, neighbour, pack, readPlaces, resized, swapped, writePlaces } from "./layouts";

const ids = Array.from({ length: 64 }, (_, at) => `${String(at).padStart(8, "0")}-0000-7000-8000-000000000000`);
const places = (count: number) => ids.slice(0, count).map((stream) => ({ stream }));

it("every layout has a place for each of its cameras, and none lies over another", () => {
  for (const layout of LAYOUTS) {
    const count = layout === "custom" ? 7 : capacity(layout);
    const { columns, rows, areas } = arrange(layout, places(count), 1600, 900);
    expect(areas).toHaveLength(count);
    const cells = new Set<string>();
    for (const { column, row, w, h } of areas) {
      for (let x = column; x < column + w; x++) for (let y = row; y < row + h; y++) cells.add(`${String(x)}:${String(y)}`);
      expect(column + w - 1).toBeLessThanOrEqual(columns);
      expect(row + h - 1).toBeLessThanOrEqual(rows);
    }
    expect(cells.size).toBe(areas.reduce((sum, { w, h }) => sum + w * h, 0));
  }
});

it("one large and twelve small fill four by four", () => {
  expect(arrange("1+12", places(13), 1600, 900)).toMatchObject({ columns: 4, rows: 4 });
  expect(arrange("1+5", places(6), 1600, 900)).toMatchObject({ columns: 3, rows: 3 });
});

it("walls of odd shapes get other rows", () => {
  expect(arrange("4", places(4), 1600, 900).columns).toBe(2);
  expect(arrange("4", places(4), 400, 1200).columns).toBe(1);
  expect(bestColumns(3, 3000, 500)).toBe(3);
});

it("the smallest even layout shows all", () => {
  expect([1, 2, 4, 5, 13, 30, 500].map(layoutFor)).toEqual(["1", "4", "4", "9", "16", "36", "36"]);
});

it("the arrows go to the nearest tile, and not round the edge", () => {
  const { areas } = arrange("1+5", places(6), 1600, 900);
  expect(neighbour(areas, 0, "ArrowRight")).toBe(1);
  expect(neighbour(areas, 0, "ArrowDown")).toBe(3);
  expect(neighbour(areas, 0, "ArrowLeft")).toBe(-1);
  expect(neighbour(areas, 5, "ArrowUp")).toBe(2);
});

it("a custom layout is edited, and kept in an address", () => {
  const edited = resized(swapped(places(3), 0, 2), 1, 1);
  expect(edited.map(({ stream }) => stream)).toEqual([ids[2], ids[1], ids[0]]);
  expect(readPlaces(writePlaces(edited))).toEqual(edited);
  expect(readPlaces("nonsense,<script>")).toEqual([]);
  expect(pack([{ w: 9, h: 1 }], 2).areas[0]?.w).toBe(2);
});
