/** Digital zoom of one picture, by wheel or pinch, up to eightfold; dragged while it is larger than its tile. */

const MOST = 8;
const WHEEL = 0.002;

export interface Zoom {
  readonly scale: number;
  readonly x: number;
  readonly y: number;
}

export const NO_ZOOM: Zoom = { scale: 1, x: 0, y: 0 };

/** A shift that leaves no edge of the picture inside its frame. */
export function bounded({ scale, x, y }: Zoom, width: number, height: number): Zoom {
  const size = Math.min(MOST, Math.max(1, scale));
  const limit = (value: number, length: number) => Math.min(0, Math.max(length * (1 - size), value));
  return { scale: size, x: limit(x, width), y: limit(y, height) };
}

/** The zoom changed by `factor`, with what lies at `px`, `py` staying there. */
export function zoomedAt(zoom: Zoom, factor: number, px: number, py: number, width: number, height: number): Zoom {
  const scale = Math.min(MOST, Math.max(1, zoom.scale * factor));
  const ratio = scale / zoom.scale;
  return bounded({ scale, x: px - (px - zoom.x) * ratio, y: py - (py - zoom.y) * ratio }, width, height);
}

/** Lets a frame's picture be zoomed; `enabled` says when. Returns what ends it. */
export function digitalZoom(frame: HTMLElement, picture: HTMLElement, enabled: () => boolean, changed: (zoom: Zoom) => void): { reset: () => void; end: () => void } {
  let zoom = NO_ZOOM;
  const pointers = new Map<number, { x: number; y: number }>();
  const stop = new AbortController();
  const set = (next: Zoom) => {
    zoom = next;
    picture.style.transformOrigin = "0 0";
    picture.style.transform = next.scale === 1 ? "" : `translate(${String(next.x)}px, ${String(next.y)}px) scale(${String(next.scale)})`;
    changed(next);
  };
  const place = (event: MouseEvent) => {
    const box = frame.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  const { signal } = stop;
  frame.addEventListener("wheel", (event) => {
    if (!enabled()) return;
    event.preventDefault();
    const { x, y } = place(event);
    set(zoomedAt(zoom, Math.exp(-event.deltaY * WHEEL), x, y, frame.clientWidth, frame.clientHeight));
  }, { passive: false, signal });
  frame.addEventListener("pointerdown", (event) => {
    if (enabled() && (zoom.scale > 1 || event.pointerType === "touch")) pointers.set(event.pointerId, place(event));
  }, { signal });
  frame.addEventListener("pointermove", (event) => {
    const before = pointers.get(event.pointerId);
    if (!before) return;
    const now = place(event);
    const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
    pointers.set(event.pointerId, now);
    const [width, height] = [frame.clientWidth, frame.clientHeight];
    if (other) {
      const [was, is] = [Math.hypot(before.x - other.x, before.y - other.y), Math.hypot(now.x - other.x, now.y - other.y)];
      if (was > 0) set(zoomedAt(zoom, is / was, (now.x + other.x) / 2, (now.y + other.y) / 2, width, height));
    } else if (zoom.scale > 1) {
      set(bounded({ ...zoom, x: zoom.x + now.x - before.x, y: zoom.y + now.y - before.y }, width, height));
    }
  }, { signal });
  for (const type of ["pointerup", "pointercancel"] as const) {
    addEventListener(type, (event) => pointers.delete(event.pointerId), { signal });
  }
  return { reset: () => set(NO_ZOOM), end: () => stop.abort() };
}
