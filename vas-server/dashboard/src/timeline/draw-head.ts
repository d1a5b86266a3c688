/** Paints what moves on top of the tracks: the playhead, the pointer's line, the tags. */

import { laneBand, OVERVIEW, type Palette } from "./draw";
import { type Clip, type View, xOf } from "./model";

export interface HeadScene {
  readonly view: View;
  readonly height: number;
  readonly overview: boolean;
  readonly palette: Palette;
  /** Time of the picture that is shown, and its tag; null while live pictures are. */
  readonly head: { readonly time: number; readonly label: string } | null;
  readonly hover: number | null;
  readonly clip: (Clip & { readonly label: string }) | null;
  readonly now: { readonly time: number; readonly label: string };
  /** Phones: the playhead stands in the middle, and has no tag. */
  readonly fixed: boolean;
}

/** Half of the playhead's tag, and the word for the present. */
const TAG_PX = 66;

function tag(context: CanvasRenderingContext2D, text: string, x: number, top: number, width: number, back: string, fore: string, font: string): void {
  context.font = `620 11.5px ${font}`;
  const size = context.measureText(text).width + 13;
  const left = Math.min(width - size, Math.max(0, x - size / 2));
  context.fillStyle = back;
  context.beginPath();
  context.roundRect(left, top, size, 18, 4);
  context.fill();
  context.fillStyle = fore;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(text, left + size / 2, top + 9.5);
}

export function drawHead(context: CanvasRenderingContext2D, scene: HeadScene): void {
  const { view, palette, height } = scene;
  context.clearRect(0, 0, view.width, height);
  const ruler = scene.overview ? OVERVIEW : 0;
  const lanes = laneBand(0, scene.overview).top;
  const edge = xOf(view, scene.now.time);
  // The playhead's tag, when it is that near, lies where the word would.
  const near = scene.head !== null && Math.abs(xOf(view, scene.head.time) - edge) < TAG_PX;
  if (edge >= 0 && edge < view.width - 34 && !scene.fixed && !near) {
    context.font = `620 11.5px ${palette.font}`;
    context.fillStyle = palette.ok;
    context.textAlign = "left";
    context.textBaseline = "alphabetic";
    context.fillText(scene.now.label, edge + 8, lanes - 5);
  }
  if (scene.clip) {
    const middle = (xOf(view, scene.clip.from) + xOf(view, scene.clip.to)) / 2;
    if (middle > -40 && middle < view.width + 40) {
      tag(context, scene.clip.label, middle, ruler + 10, view.width, palette.acc, palette.bg0, palette.font);
    }
  }
  if (scene.hover !== null) {
    const x = Math.round(xOf(view, scene.hover)) + 0.5;
    context.strokeStyle = palette.t2;
    context.lineWidth = 1;
    context.setLineDash([3, 3]);
    context.beginPath();
    context.moveTo(x, lanes - 2);
    context.lineTo(x, height);
    context.stroke();
    context.setLineDash([]);
  }
  if (!scene.head) return;
  const x = xOf(view, scene.head.time);
  if (x < -2 || x > view.width + 2) return;
  context.fillStyle = palette.t1;
  context.fillRect(x - 1, ruler + 2, 2, height - ruler - 8);
  if (scene.fixed) {
    context.beginPath();
    context.moveTo(x - 6, ruler);
    context.lineTo(x + 6, ruler);
    context.lineTo(x, ruler + 7);
    context.fill();
  } else {
    tag(context, scene.head.label, x, ruler + 10, view.width, palette.ink, palette.onink, palette.font);
  }
}
