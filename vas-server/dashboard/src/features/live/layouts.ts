/** How many cameras the wall shows, and where. */

export const LAYOUTS = ["1", "4", "9", "16", "25", "36", "1+5", "1+12", "custom"] as const;
export type LayoutId = (typeof LAYOUTS)[number];

/** A camera on the wall; `w` and `h` count cells, and are used by the custom layout alone. */
export interface Place {
  readonly stream: string;
  readonly w?: number;
  readonly h?: number;
}

/** Cells from 1, as CSS counts grid lines. */
export interface Area {
  readonly column: number;
  readonly row: number;
  readonly w: number;
  readonly h: number;
}

export interface Arrangement {
  readonly columns: number;
  readonly rows: number;
  readonly areas: readonly Area[];
}

/** Places of a layout; a custom one has as many as there are cameras in it. */
export function capacity(layout: LayoutId): number {
  switch (layout) {
    case "1+5": return 6;
    case "1+12": return 13;
    case "custom": return 64;
    default: return Number(layout);
  }
}

export function isLayout(text: string | undefined): text is LayoutId {
  return LAYOUTS.some((layout) => layout === text);
}

/** The smallest even layout that shows all. */
export function layoutFor(count: number): LayoutId {
  return (["1", "4", "9", "16", "25", "36"] as const).find((layout) => count <= capacity(layout)) ?? "36";
}

/** Puts tiles one after the other where they fit first, row by row. */
export function pack(tiles: readonly { readonly w: number; readonly h: number }[], columns: number): Arrangement {
  const taken = new Set<string>();
  let rows = 0;
  const free = (column: number, row: number, w: number, h: number) => {
    for (let x = column; x < column + w; x++) for (let y = row; y < row + h; y++) if (taken.has(`${String(x)}:${String(y)}`)) return false;
    return true;
  };
  const areas = tiles.map(({ w, h }): Area => {
    const width = Math.min(w, columns);
    for (let row = 0; ; row++) {
      for (let column = 0; column + width <= columns; column++) {
        if (!free(column, row, width, h)) continue;
        for (let x = column; x < column + width; x++) for (let y = row; y < row + h; y++) taken.add(`${String(x)}:${String(y)}`);
        rows = Math.max(rows, row + h);
        return { column: column + 1, row: row + 1, w: width, h };
      }
    }
  });
  return { columns, rows: Math.max(rows, 1), areas };
}

const ASPECT = 16 / 9;

/** The number of columns with which `cells` pictures of 16:9 become the largest in a wall of this shape. */
export function bestColumns(cells: number, width: number, height: number): number {
  let best = 1;
  let largest = 0;
  for (let columns = 1; columns <= Math.max(cells, 1); columns++) {
    const rows = Math.ceil(cells / columns);
    const size = Math.min(width / columns, (height / rows) * ASPECT);
    if (size > largest * 1.001) [best, largest] = [columns, size];
  }
  return best;
}

/** Where the tiles of a layout lie in a wall of this size. */
export function arrange(layout: LayoutId, places: readonly Place[], width: number, height: number): Arrangement {
  const ones = (count: number) => Array.from({ length: count }, () => ({ w: 1, h: 1 }));
  const large = (count: number) => [{ w: 2, h: 2 }, ...ones(count - 1)];
  switch (layout) {
    case "1+5": return pack(large(6), 3);
    case "1+12": return pack(large(13), 4);
    case "custom": {
      const cells = places.reduce((sum, place) => sum + (place.w ?? 1) * (place.h ?? 1), 0);
      const widest = Math.max(1, ...places.map((place) => place.w ?? 1));
      const columns = Math.max(widest, bestColumns(cells, width, height));
      return pack(places.map(({ w = 1, h = 1 }) => ({ w, h })), columns);
    }
    default: {
      const count = capacity(layout);
      const side = Math.sqrt(count);
      // Walls of odd shapes get other rows, and larger pictures with them.
      const columns = width > 0 && Math.abs(Math.log(width / height / ASPECT)) > 0.6 ? bestColumns(count, width, height) : side;
      return pack(ones(count), columns);
    }
  }
}

/** The tile that lies next in a direction; -1 where there is none. */
export function neighbour(areas: readonly Area[], from: number, direction: "ArrowLeft" | "ArrowRight" | "ArrowUp" | "ArrowDown"): number {
  const here = areas[from];
  if (!here) return areas.length > 0 ? 0 : -1;
  const middle = (area: Area) => ({ x: area.column + area.w / 2, y: area.row + area.h / 2 });
  const centre = middle(here);
  let best = -1;
  let distance = Infinity;
  areas.forEach((area, index) => {
    // How far its near edge is from ours; what does not lie wholly beyond that is not in this direction.
    const along = {
      ArrowLeft: here.column - (area.column + area.w), ArrowRight: area.column - (here.column + here.w),
      ArrowUp: here.row - (area.row + area.h), ArrowDown: area.row - (here.row + here.h),
    }[direction];
    if (index === from || along < 0) return;
    const { x, y } = middle(area);
    const across = direction === "ArrowLeft" || direction === "ArrowRight" ? y - centre.y : x - centre.x;
    // Of two that are as near, the first in reading order.
    const off = along + Math.abs(across);
    if (off < distance) [best, distance] = [index, off];
  });
  return best;
}

/** The places with two of them exchanged. */
export function swapped(places: readonly Place[], a: number, b: number): Place[] {
  const result = [...places];
  const [one, other] = [result[a], result[b]];
  if (!one || !other) return result;
  result[a] = other;
  result[b] = one;
  return result;
}

const MOST_CELLS = 6;

/** The places with one of them larger or smaller. */
export function resized(places: readonly Place[], index: number, by: 1 | -1): Place[] {
  const clamp = (value: number) => Math.min(MOST_CELLS, Math.max(1, value));
  return places.map((place, at) =>
    at === index ? { ...place, w: clamp((place.w ?? 1) + by), h: clamp((place.h ?? 1) + by) } : place);
}

/** A list of places in an address: `id` or `id.2x3`. */
export function writePlaces(places: readonly Place[]): string {
  return places.map(({ stream, w = 1, h = 1 }) => (w === 1 && h === 1 ? stream : `${stream}.${String(w)}x${String(h)}`)).join(",");
}

export function readPlaces(text: string): Place[] {
  return text.split(",").flatMap((entry): Place[] => {
    const [, stream, w, h] = /^([0-9a-f-]{36})(?:\.([1-6])x([1-6]))?$/.exec(entry) ?? [];
    if (!stream) return [];
    return [w && h ? { stream, w: Number(w), h: Number(h) } : { stream }];
  });
}
