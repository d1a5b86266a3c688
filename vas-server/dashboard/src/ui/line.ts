/** Paths of lines through values at even distances. */

export interface LinePath {
  readonly line: string;
  /** The line closed along the bottom. */
  readonly area: string;
}

const round = (value: number): string => String(Math.round(value * 10) / 10);

/** The path through `values` in a box; nulls break it. The lowest tenth is left free, so that a flat line is seen. */
export function linePath(values: readonly (number | null)[], width: number, height: number, max?: number): LinePath {
  const known = values.filter((value) => value !== null);
  if (known.length === 0) return { line: "", area: "" };
  const top = max ?? Math.max(...known);
  const low = max === undefined ? Math.min(0, ...known) : 0;
  const span = top - low || 1;
  const x = (place: number): number => (values.length < 2 ? width : (place / (values.length - 1)) * width);
  const y = (value: number): number => height - 2 - ((value - low) / span) * (height - 4);
  const lines: string[] = [];
  const areas: string[] = [];
  let run: [number, number][] = [];
  const flush = (): void => {
    const first = run[0];
    const last = run[run.length - 1];
    if (first && last) {
      const points = run.map(([px, py]) => `${round(px)} ${round(py)}`).join("L");
      lines.push(run.length === 1 ? `M${points}h0.1` : `M${points}`);
      areas.push(`M${round(first[0])} ${round(height)}L${points}L${round(last[0])} ${round(height)}Z`);
    }
    run = [];
  };
  values.forEach((value, place) => {
    if (value === null) flush();
    else run.push([x(place), y(value)]);
  });
  flush();
  return { line: lines.join(""), area: areas.join("") };
}

/** Round numbers for the lines of a grid, from 0 to at least `max`, `count` steps at most. */
export function gridSteps(max: number, count: number): readonly number[] {
  if (!(max > 0)) return [0, 1];
  const raw = max / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((value) => value >= raw) ?? raw;
  return Array.from({ length: Math.ceil(max / step - 1e-9) + 1 }, (_, place) => place * step);
}
