/** Pictures of the layouts, drawn from the layouts themselves. */

import { For } from "solid-js";
import { arrange, capacity, type LayoutId } from "./layouts";

const WIDTH = 22;
const HEIGHT = 16;
const GAP = 1.5;

export function LayoutGlyph(props: { readonly layout: LayoutId }) {
  const shape = () => {
    const layout = props.layout === "custom" ? "1+5" : props.layout;
    const places = Array.from({ length: capacity(layout) }, () => ({ stream: "" }));
    return arrange(layout, places, WIDTH, HEIGHT);
  };
  const cell = () => ({ w: (WIDTH + GAP) / shape().columns, h: (HEIGHT + GAP) / shape().rows });
  return (
    <svg width={WIDTH} height={HEIGHT} viewBox={`0 0 ${String(WIDTH)} ${String(HEIGHT)}`} fill="currentColor" aria-hidden="true">
      <For each={shape().areas}>
        {(area) => (
          <rect
            x={(area.column - 1) * cell().w}
            y={(area.row - 1) * cell().h}
            width={area.w * cell().w - GAP}
            height={area.h * cell().h - GAP}
            rx={props.layout === "1" ? 1.5 : 0.8}
          />
        )}
      </For>
    </svg>
  );
}
