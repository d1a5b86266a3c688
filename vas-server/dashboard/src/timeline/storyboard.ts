/** Small pictures of a camera's past, for the pointer and for scrubbing: sprites of sixty, kept while of use. */

const COUNT = 60;
const WIDTH = 160;
const KEPT = 24;
/** Distances between two pictures, in milliseconds: the nearest below a fortieth of what is in view. */
const STEPS = [1_000, 2_000, 5_000, 10_000, 30_000, 60_000, 300_000, 900_000, 3_600_000];
const SHARE = 120;

/** One picture of a sprite: where it lies, in pixels of the sprite, and when it was taken. */
export interface Frame {
  readonly image: ImageBitmap;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly time: number;
}

interface Sprite {
  readonly image: ImageBitmap;
  readonly columns: number;
  readonly width: number;
  readonly height: number;
  readonly times: readonly (number | null)[];
}

export interface StoryboardDeps {
  /** The answer of `storyboard.jpg`; throws where there is none. */
  readonly fetch: (stream: string, query: { start: number; step_ms: number; count: number; w: number }) => Promise<Response>;
  readonly now: () => number;
}

export function stepFor(span: number): number {
  return STEPS.findLast((step) => step <= span / SHARE) ?? 1_000;
}

async function load(response: Response): Promise<Sprite> {
  const number = (name: string) => Number(response.headers.get(name));
  const [width = 0, height = 0] = (response.headers.get("X-Storyboard-Tile") ?? "").split("x").map(Number);
  const times = (response.headers.get("X-Storyboard-Times") ?? "").split(",").map((text) => (text ? Number(text) : null));
  const image = await createImageBitmap(await response.blob());
  return { image, columns: number("X-Storyboard-Columns") || 10, width, height, times };
}

export class Storyboard {
  #sprites = new Map<string, Promise<Sprite | null>>();
  #ready = new Map<string, Sprite>();

  constructor(private readonly deps: StoryboardDeps) {}

  /** The picture nearest to `time`, fetched if need be; null where nothing was recorded about then. */
  async frame(stream: string, time: number, span: number): Promise<Frame | null> {
    const { key, start, step } = this.#place(stream, time, span);
    let sprite = this.#sprites.get(key);
    if (!sprite) {
      sprite = this.deps.fetch(stream, { start, step_ms: step, count: COUNT, w: WIDTH }).then(load).catch(() => null);
      this.#sprites.set(key, sprite);
      void sprite.then((loaded) => {
        // What reaches into the present is not whole yet, and what failed may be there the next time.
        if (loaded) this.#ready.set(key, loaded);
        if (!loaded || start + step * COUNT > this.deps.now()) setTimeout(() => this.#forget(key), loaded ? 10_000 : 3_000);
      });
      const [oldest] = this.#sprites.keys();
      if (this.#sprites.size > KEPT && oldest !== undefined) this.#forget(oldest);
    }
    const loaded = await sprite;
    return loaded && this.#nearest(loaded, Math.round((time - start) / step));
  }

  close(): void {
    for (const key of [...this.#sprites.keys()]) this.#forget(key);
  }

  #place(stream: string, time: number, span: number): { key: string; start: number; step: number } {
    const step = stepFor(span);
    const start = Math.floor(time / (step * COUNT)) * step * COUNT;
    return { key: `${stream}:${String(step)}:${String(start)}`, start, step };
  }

  #nearest(sprite: Sprite, index: number): Frame | null {
    for (const off of [0, -1, 1, -2, 2]) {
      const at = index + off;
      const time = sprite.times[at];
      if (time == null) continue;
      const { image, columns, width, height } = sprite;
      return { image, x: (at % columns) * width, y: Math.floor(at / columns) * height, width, height, time };
    }
    return null;
  }

  #forget(key: string): void {
    this.#sprites.delete(key);
    this.#ready.get(key)?.image.close();
    this.#ready.delete(key);
  }
}

/** Draws a sprite's picture into a canvas. */
export function drawFrame(canvas: HTMLCanvasElement, frame: Frame): void {
  canvas.width = frame.width;
  canvas.height = frame.height;
  canvas.getContext("2d")?.drawImage(frame.image, frame.x, frame.y, frame.width, frame.height, 0, 0, frame.width, frame.height);
}
