/** The colours of the theme in use, as a canvas needs them. */

import type { Palette } from "./draw";

export function readPalette(element: HTMLElement): Palette {
  const style = getComputedStyle(element);
  const of = (name: string) => style.getPropertyValue(name).trim();
  const [t3, rec, t1, bg1] = [of("--t3"), of("--rec"), of("--t1"), of("--bg1")];
  return {
    bg0: of("--bg0"), bg1, line: of("--line"), t1, t2: of("--t2"), t3, ink: of("--ink"), onink: of("--onink"),
    acc: of("--acc"), ok: of("--ok"), mark: of("--mark"), rec,
    bars: `color-mix(in srgb, ${rec} 70%, ${t1})`,
    past: `color-mix(in srgb, ${rec} 45%, ${bg1})`,
    font: style.fontFamily,
  };
}

/** Lines at 45 degrees, for where nothing was recorded. */
export function hatch(context: CanvasRenderingContext2D, color: string): CanvasPattern | null {
  const size = 7;
  const tile = document.createElement("canvas");
  const scale = Math.max(1, Math.round(devicePixelRatio));
  tile.width = tile.height = size * scale;
  const lines = tile.getContext("2d");
  if (!lines) return null;
  lines.scale(scale, scale);
  lines.strokeStyle = color;
  lines.lineWidth = 1;
  lines.beginPath();
  for (const shift of [-size, 0, size]) {
    lines.moveTo(shift - 1, size + 1);
    lines.lineTo(shift + size + 1, -1);
  }
  lines.stroke();
  const pattern = context.createPattern(tile, "repeat");
  pattern?.setTransform(new DOMMatrix().scale(1 / scale));
  return pattern;
}
