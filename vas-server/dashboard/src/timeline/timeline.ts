/**
 * The timeline: two canvases over each other, painted when something has changed, and an ARIA slider around them. It
 * knows no framework; the page gives it a place and reads its snapshots.
 */

import type { Clock } from "../media/clock";
import { Emitter } from "../media/emitter";
import { drawTracks, joined, laneBand, OVERVIEW, RULER, type Palette } from "./draw";
import { drawHead } from "./draw-head";
import { TimelineInput, type InputTarget, type Pointer } from "./input";
import { centred, clampSpan, bucketFor, type Clip, DAY, dayOf, HOUR, panned, snapped, ticks, timeAt, type View, xOf, zoomed } from "./model";
import { hatch, readPalette } from "./palette";
import type { Gap, Lane, Mark, Tiles } from "./tiles";

const OVERVIEW_BUCKET = 300_000;

export interface Labels {
  readonly tick: (at: number, step: number) => string;
  readonly head: (at: number) => string;
  readonly clip: (ms: number) => string;
  readonly live: () => string;
  /** What a screen reader says of a time. */
  readonly spoken: (at: number) => string;
}

export interface TimelineDeps {
  readonly root: HTMLElement;
  readonly tiles: Tiles;
  readonly clock: Clock;
  readonly labels: Labels;
  /** By how much local time is ahead of UTC, in milliseconds. */
  readonly offset: (at: number) => number;
  /** Phones: no overview, and the playhead in the middle. */
  readonly compact: boolean;
}

/** Under the pointer; null fields where there is nothing. */
export interface Hover {
  readonly time: number;
  readonly x: number;
  readonly stream: string | null;
  /** Whether there are pictures of then. */
  readonly recorded: boolean;
  readonly gap: Gap | null;
  readonly mark: Mark | null;
}

export class Timeline {
  readonly seeks = new Emitter<{ time: number; scrubbing: boolean }>();
  readonly hovers = new Emitter<Hover | null>();
  readonly clips = new Emitter<{ clip: Clip | null; moved: "from" | "to" | null }>();
  readonly views = new Emitter<View>();
  #view: View;
  #head: number | null = null;
  #clip: Clip | null = null;
  #hover: number | null = null;
  #streams: readonly string[] = [];
  #palette: Palette;
  #hatch: CanvasPattern | null = null;
  #height = 0;
  #dirty = { tracks: true, head: true };
  #frame = 0;
  #scheme = "";
  readonly #tracks = document.createElement("canvas");
  readonly #top = document.createElement("canvas");
  readonly #input: TimelineInput;
  readonly #ends: (() => void)[] = [];

  constructor(private readonly deps: TimelineDeps) {
    const { root, tiles, clock } = deps;
    this.#view = { start: tiles.now - 45 * 60_000, span: HOUR, width: Math.max(1, root.clientWidth) };
    this.#palette = readPalette(root);
    for (const canvas of [this.#tracks, this.#top]) {
      Object.assign(canvas.style, { position: "absolute", insetBlockStart: "0", insetInlineStart: "0", display: "block" });
      canvas.setAttribute("aria-hidden", "true");
      root.append(canvas);
    }
    root.style.touchAction = "none";
    this.#input = new TimelineInput(this.#target(), clock);
    const size = new ResizeObserver(() => this.#resize());
    size.observe(root);
    const theme = new MutationObserver(() => this.#restyle());
    theme.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme", "lang"] });
    this.#ends.push(() => size.disconnect(), () => theme.disconnect(), tiles.changes.subscribe(() => this.#mark("tracks")));
    // The present moves: by pixels while the view is narrow, hardly when it is wide.
    this.#ends.push(clock.every(1_000, () => this.#mark("tracks")));
    this.#listen(root);
    this.#resize();
    this.#describe();
  }

  get view(): View {
    return this.#view;
  }

  get clip(): Clip | null {
    return this.#clip;
  }

  setStreams(streams: readonly string[]): void {
    this.#streams = streams;
    this.deps.tiles.setStreams(streams);
    this.#mark("tracks");
  }

  /** The time of the picture that is shown; null for the live edge. The view follows it out of its end. */
  setHead(time: number | null): void {
    if (time === this.#head) return;
    this.#head = time;
    if (time !== null && !this.#input.active) {
      const x = xOf(this.#view, time);
      const { width } = this.#view;
      if (this.deps.compact) this.#set(centred(this.#view, time));
      else if (x > width * 0.96 && x < width * 1.2) this.#set(centred(this.#view, time, 0.5));
    }
    this.#describe();
    this.#mark("head");
  }

  /** Brings a time into the view, if it is not there. */
  reveal(time: number): void {
    const x = xOf(this.#view, time);
    if (x < 24 || x > this.#view.width - 24) this.#set(centred(this.#view, time));
  }

  setClip(clip: Clip | null): void {
    this.#clip = clip;
    this.#mark("tracks");
    this.#mark("head");
    this.clips.emit({ clip, moved: null });
  }

  /** Shows `span` milliseconds around the playhead, or up to the present. */
  setSpan(span: number): void {
    const at = this.#head ?? this.deps.tiles.now;
    this.#set({ ...this.#view, span: clampSpan(span), start: at - clampSpan(span) * (this.deps.compact || this.#head !== null ? 0.5 : 0.92) });
  }

  zoom(factor: number): void {
    const at = this.#head ?? this.deps.tiles.now;
    const x = Math.min(this.#view.width, Math.max(0, xOf(this.#view, at)));
    this.#set(zoomed(this.#view, factor, x));
  }

  /** The next bookmark or end of a recording after `from` (or before it, for -1). */
  nextEvent(from: number, direction: 1 | -1): number | null {
    const lanes = this.#mainLanes(bucketFor(this.#view.span));
    const times = lanes.flatMap(({ bookmarks, events }) => [...bookmarks.map(({ at }) => at), ...events.map(({ at }) => at)]);
    const ahead = times.filter((at) => (at - from) * direction > 1_000).sort((a, b) => (a - b) * direction);
    return ahead[0] ?? null;
  }

  /** The bookmarks in view, for the list beside the canvas. */
  marks(): Mark[] {
    const marks = this.#mainLanes(bucketFor(this.#view.span)).flatMap(({ bookmarks }) => bookmarks);
    return [...new Map(marks.map((mark) => [mark.id, mark])).values()].sort((a, b) => a.at - b.at);
  }

  close(): void {
    cancelAnimationFrame(this.#frame);
    this.#input.close();
    for (const end of this.#ends) end();
    this.#tracks.remove();
    this.#top.remove();
  }

  #target(): InputTarget {
    return {
      view: () => this.#view,
      setView: (view) => this.#set(view),
      pan: (dx) => this.#set(panned(this.#view, dx, this.deps.tiles.now - 400 * DAY, this.deps.tiles.now)),
      head: () => this.#head,
      clip: () => this.#clip,
      setClip: (clip, moved) => {
        this.#clip = clip;
        this.#mark("tracks");
        this.clips.emit({ clip, moved });
      },
      seek: (time, scrubbing) => {
        const at = Math.min(time, this.deps.tiles.now);
        this.#head = at;
        this.#mark("head");
        this.seeks.emit({ time: at, scrubbing });
      },
      overview: (share) => {
        const day = this.#day();
        this.#set(centred(this.#view, day.start + share * (day.end - day.start)));
      },
      targets: () => this.#snapTargets(),
      row: (y) => (!this.deps.compact && y < OVERVIEW ? "overview" : y < this.#lanesTop() ? "ruler" : "lanes"),
      fixed: () => this.deps.compact,
    };
  }

  #lanesTop(): number {
    return (this.deps.compact ? 0 : OVERVIEW) + RULER;
  }

  #snapTargets(): number[] {
    const lanes = this.#mainLanes(bucketFor(this.#view.span));
    return lanes.flatMap(({ bookmarks }) => bookmarks.map(({ at }) => at)).concat(joined(lanes).flat());
  }

  #mainLanes(bucket: number): Lane[] {
    const { start, span } = this.#view;
    const main = this.#streams[0] ?? "";
    return this.deps.tiles.view(bucket, start, start + span).flatMap((tile) => tile.lanes.get(main) ?? []);
  }

  #day(): { start: number; end: number } {
    return dayOf(this.#view.start + this.#view.span / 2, this.deps.offset);
  }

  #set(view: View): void {
    this.#view = view;
    this.#mark("tracks");
    this.#mark("head");
    this.views.emit(view);
  }

  #listen(root: HTMLElement): void {
    const pointer = (event: PointerEvent): Pointer => {
      const box = root.getBoundingClientRect();
      const { pointerId: id, shiftKey: shift } = event;
      return { id, x: event.clientX - box.left, y: event.clientY - box.top, shift, touch: event.pointerType === "touch" };
    };
    const on = <K extends keyof HTMLElementEventMap>(type: K, run: (event: HTMLElementEventMap[K]) => void, options?: AddEventListenerOptions) => {
      root.addEventListener(type, run, options);
      this.#ends.push(() => root.removeEventListener(type, run, options));
    };
    on("pointerdown", (event) => {
      if (event.button !== 0) return;
      root.setPointerCapture(event.pointerId);
      this.#setHover(null);
      this.#input.down(pointer(event));
    });
    on("pointermove", (event) => {
      const place = pointer(event);
      this.#input.move(place);
      if (!this.#input.active && event.pointerType === "mouse") this.#setHover(place);
    });
    on("pointerup", (event) => this.#input.up(pointer(event)));
    on("pointercancel", (event) => this.#input.cancel(event.pointerId));
    on("pointerleave", () => this.#setHover(null));
    on("wheel", (event) => {
      event.preventDefault();
      const scale = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
      this.#input.wheel(pointer(event as unknown as PointerEvent), event.deltaX * scale, event.deltaY * scale, event.ctrlKey || event.metaKey);
    }, { passive: false });
  }

  #setHover(place: Pointer | null): void {
    const { root } = this.deps;
    const inLanes = place !== null && place.y >= this.#lanesTop() - RULER && place.y >= (this.deps.compact ? 0 : OVERVIEW);
    const time = inLanes ? timeAt(this.#view, place.x) : null;
    if (place) root.style.cursor = { clip: "ew-resize", head: "ew-resize", time: "pointer", overview: "pointer" }[this.#input.grip(place)];
    if (time === this.#hover) return;
    this.#hover = time !== null && time <= this.deps.tiles.now ? time : null;
    this.#mark("head");
    this.hovers.emit(this.#hover === null || !place ? null : this.#under(place, this.#hover));
  }

  #under(place: Pointer, time: number): Hover {
    const index = this.#streams.findIndex((_, at) => {
      const band = laneBand(at, !this.deps.compact);
      return place.y >= band.top && place.y < band.top + band.height;
    });
    const stream = this.#streams[Math.max(index, 0)] ?? null;
    const { start, span } = this.#view;
    const lanes = this.deps.tiles.view(bucketFor(span), start, start + span).flatMap((tile) => tile.lanes.get(stream ?? "") ?? []);
    const gap = lanes.flatMap(({ gaps }) => gaps).find((entry) => time >= entry.start && time < entry.end) ?? null;
    const marks = lanes.flatMap(({ bookmarks }) => bookmarks);
    const near = snapped(this.#view, time, marks.map(({ at }) => at));
    const recorded = lanes.some(({ ranges }) => ranges.some(([from, to]) => time >= from && time < to));
    return { time, x: place.x, stream, recorded, gap, mark: marks.find(({ at }) => at === near) ?? null };
  }

  #restyle(): void {
    const context = this.#tracks.getContext("2d");
    this.#palette = readPalette(this.deps.root);
    this.#hatch = context && hatch(context, this.#palette.t3);
    this.#mark("tracks");
    this.#mark("head");
  }

  #resize(): void {
    const { clientWidth: width, clientHeight: height } = this.deps.root;
    if (width === 0 || height === 0) return;
    for (const canvas of [this.#tracks, this.#top]) {
      canvas.width = Math.round(width * devicePixelRatio);
      canvas.height = Math.round(height * devicePixelRatio);
      Object.assign(canvas.style, { inlineSize: `${String(width)}px`, blockSize: `${String(height)}px` });
      canvas.getContext("2d")?.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    }
    this.#height = height;
    this.#set({ ...this.#view, width });
    this.#restyle();
  }

  #describe(): void {
    const { root, labels, tiles } = this.deps;
    const at = this.#head ?? tiles.now;
    root.setAttribute("aria-valuemin", String(Math.round(this.#view.start / 1_000)));
    root.setAttribute("aria-valuemax", String(Math.round(tiles.now / 1_000)));
    root.setAttribute("aria-valuenow", String(Math.round(at / 1_000)));
    root.setAttribute("aria-valuetext", labels.spoken(at));
  }

  #mark(what: "tracks" | "head"): void {
    this.#dirty[what] = true;
    if (this.#frame === 0) this.#frame = requestAnimationFrame(() => this.#paint());
  }

  #paint(): void {
    this.#frame = 0;
    const tracks = this.#tracks.getContext("2d");
    const top = this.#top.getContext("2d");
    const { tiles, labels, offset, compact } = this.deps;
    const scheme = document.documentElement.dataset["theme"] ?? "";
    if (scheme !== this.#scheme) {
      this.#scheme = scheme;
      this.#restyle();
    }
    const shared = { view: this.#view, height: this.#height, overview: !compact, palette: this.#palette };
    if (tracks && this.#dirty.tracks) {
      const { start, span } = this.#view;
      const day = this.#day();
      drawTracks(tracks, {
        ...shared, day, streams: this.#streams, now: tiles.now, clip: this.#clip, hatch: this.#hatch,
        tiles: tiles.view(bucketFor(span), start, start + span),
        dayTiles: compact ? [] : tiles.view(OVERVIEW_BUCKET, day.start, day.end),
        ticks: ticks(this.#view, offset), tickLabel: labels.tick,
      });
    }
    if (top) {
      drawHead(top, {
        ...shared, hover: this.#hover, fixed: compact,
        head: this.#head === null ? null : { time: this.#head, label: labels.head(this.#head) },
        clip: this.#clip && { ...this.#clip, label: labels.clip(this.#clip.to - this.#clip.from) },
        now: { time: tiles.now, label: labels.live() },
      });
    }
    this.#dirty = { tracks: false, head: false };
  }
}
