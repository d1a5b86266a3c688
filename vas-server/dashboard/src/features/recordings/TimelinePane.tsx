/** The timeline with the names of its lanes, and what is under the pointer. */

import { createEffect, createMemo, createSignal, For, onCleanup, onMount, Show, type Accessor } from "solid-js";
import type { Stream } from "../../api/types";
import { events } from "../../api/events";
import { t, type Key } from "../../i18n";
import { clipLength, clockTime, dateTime, dayName, shortTime, zoneOffset } from "../../i18n/time";
import { browserClock } from "../../media/clock";
import { cx } from "../../ui/cx";
import { StatusGlyph, statusOf } from "../../ui/Status";
import { laneBand } from "../../timeline/draw";
import { DAY, type Clip, type View } from "../../timeline/model";
import { drawFrame, Storyboard, type Frame } from "../../timeline/storyboard";
import { Tiles } from "../../timeline/tiles";
import { Timeline, type Hover } from "../../timeline/timeline";
import { fetchTimeline, storyboardCalls } from "./data";
import styles from "./Recordings.module.css";

interface PaneProps {
  readonly streams: readonly Stream[];
  readonly at: number;
  readonly live: boolean;
  readonly compact: boolean;
  readonly span: number | null;
  readonly clip: Accessor<Clip | null>;
  readonly ready: (timeline: Timeline, storyboard: Storyboard) => void;
  readonly onSeek: (time: number, scrubbing: boolean) => void;
  readonly onClip: (clip: Clip | null, moved: "from" | "to" | null) => void;
  readonly onView: (view: View) => void;
}

const HOVER_MS = 60;
const REASONS = new Set(["started", "source_lost", "silence", "lagged", "clock_jump", "format_changed", "storage"]);

function reasonWords(reason: string | null): string {
  return t(reason !== null && REASONS.has(reason) ? (`gap.${reason}` as Key) : "gap.unknown");
}

function tickLabel(at: number, step: number): string {
  if (step >= DAY) return dayName(at);
  return step < 60_000 ? clockTime(at) : shortTime(at);
}

export default function TimelinePane(props: PaneProps) {
  let root!: HTMLDivElement;
  let picture: HTMLCanvasElement | undefined;
  const [hover, setHover] = createSignal<Hover | null>(null);
  const [frame, setFrame] = createSignal<Frame | null>(null);
  const [day, setDay] = createSignal(props.at);
  const storyboard = new Storyboard(storyboardCalls);
  const tiles = new Tiles({ fetch: fetchTimeline, clock: browserClock });
  let hoverTimer = 0;

  onMount(() => {
    const timeline = new Timeline({
      root, tiles, clock: browserClock, offset: zoneOffset, compact: props.compact,
      labels: {
        tick: tickLabel, head: clockTime, clip: clipLength,
        live: () => t("recordings.live"),
        spoken: (at) => t("recordings.spoken", { time: dateTime(at), name: props.streams[0]?.name ?? "" }),
      },
    });
    props.ready(timeline, storyboard);
    if (props.span !== null) timeline.setSpan(props.span);
    if (!props.live) timeline.reveal(props.at);
    const ends = [
      timeline.seeks.subscribe(({ time, scrubbing }) => props.onSeek(time, scrubbing)),
      timeline.clips.subscribe(({ clip, moved }) => moved !== null && props.onClip(clip, moved)),
      timeline.views.subscribe((view) => {
        setDay(view.start + view.span / 2);
        props.onView(view);
      }),
      timeline.hovers.subscribe((next) => {
        window.clearTimeout(hoverTimer);
        setHover(next);
        if (!next?.stream || !next.recorded) return void setFrame(null);
        const { stream, time } = next;
        hoverTimer = window.setTimeout(() => void storyboard.frame(stream, time, timeline.view.span).then((found) => {
          if (hover()?.time === time) setFrame(found);
        }), HOVER_MS);
      }),
      events.subscribe("recording", () => tiles.changes.emit()),
      events.subscribe("bookmark", () => tiles.invalidate()),
    ];
    createEffect(() => timeline.setStreams(props.streams.map(({ id }) => id)));
    createEffect(() => timeline.setHead(props.live && !props.compact ? null : props.at));
    createEffect(() => {
      const clip = props.clip();
      if (clip !== timeline.clip) timeline.setClip(clip);
    });
    onCleanup(() => {
      window.clearTimeout(hoverTimer);
      for (const end of ends) end();
      timeline.close();
      storyboard.close();
    });
  });
  createEffect(() => {
    const found = frame();
    if (picture && found) drawFrame(picture, found);
  });
  const hoverWords = () => {
    const now = hover();
    if (now && !now.recorded) return reasonWords(now.gap?.reason ?? null);
    return now?.mark ? (now.mark.label ?? t("recordings.hoverBookmark")) : "";
  };
  const key = createMemo(() => props.streams.map(({ id }) => id).join());

  return (
    <div class={styles["timeline"]} data-lanes={key()}>
      <Show when={!props.compact}>
        <div class={styles["lanes"]}>
          <span class={cx(styles["lane"], styles["dayLane"])}>{dayName(day())}</span>
          <For each={props.streams}>
            {(stream, index) => (
              <span
                class={cx(styles["lane"], index() === 0 && styles["mainLane"])}
                style={{ "inset-block-start": `${String(laneBand(index(), true).top)}px`, "block-size": `${String(laneBand(index(), true).height)}px` }}
              >
                <Show when={index() === 0}><StatusGlyph status={statusOf(stream)} size={8} silent /></Show>
                <span class="ellipsis">{stream.name}</span>
              </span>
            )}
          </For>
        </div>
      </Show>
      <div ref={root} class={styles["tracks"]} role="slider" tabIndex={0} aria-label={t("recordings.position")} aria-orientation="horizontal" />
      <Show when={hover()}>
        {(now) => (
          <div class={styles["hover"]} style={{ "inset-inline-start": `clamp(8px, ${String(Math.round(now().x + (props.compact ? 0 : 160) - 95))}px, calc(100% - 198px))` }}>
            <canvas ref={(element) => { picture = element; const found = frame(); if (found) drawFrame(element, found); }} class={styles["hoverPicture"]} hidden={frame() === null} />
            <div class={styles["hoverText"]}>
              <b>{clockTime(now().gap ? now().time : (frame()?.time ?? now().time))}</b>
              <span class="t3 ellipsis">{hoverWords()}</span>
            </div>
          </div>
        )}
      </Show>
    </div>
  );
}
