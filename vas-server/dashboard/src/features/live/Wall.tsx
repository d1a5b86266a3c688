/** The tiles in their places, with everything that acts on one of them or on all. */

import { useNavigate } from "@solidjs/router";
import { createEffect, createMemo, createSignal, For, on, onCleanup, Show } from "solid-js";
import { call } from "../../api/client";
import type { Stream } from "../../api/types";
import { t } from "../../i18n";
import type { LiveKit } from "../../media/live-kit";
import { Button } from "../../ui/Button";
import { cx } from "../../ui/cx";
import { quickBookmark, quickSnapshot } from "../../ui/quick-capture";
import { EmptyState, sentenceOf } from "../../ui/States";
import { StatusGlyph } from "../../ui/Status";
import { toast } from "../../ui/toast";
import { createFigures } from "./figures";
import { createKiosk } from "./kiosk";
import { arrange, neighbour } from "./layouts";
import { createRelief } from "./relief";
import { Tile, type TileProps } from "./Tile";
import { WallFoot } from "./WallFoot";
import { WallHead } from "./WallHead";
import { useWallKeys, type Arrow } from "./wall-keys";
import styles from "./Wall.module.css";
import type { View } from "./views";
import type { WallState } from "./wall-state";

interface WallProps {
  readonly kit: LiveKit;
  readonly state: WallState;
  readonly streams: readonly Stream[];
  readonly groups: readonly string[];
  readonly views: readonly View[];
  readonly isPhone: boolean;
  readonly now: number;
}

const TOUR_MS = 15_000;

export function Wall(props: WallProps) {
  const navigate = useNavigate();
  const figures = createFigures(props.kit);
  const relief = createRelief(props.kit, figures.tiles);
  const [size, setSize] = createSignal({ width: 0, height: 0 });
  const [sound, setSound] = createSignal<string | null>(null);
  const [touring, setTouring] = createSignal(false);
  const [lost, setLost] = createSignal(props.kit.gate.lost);
  const [blocked, setBlocked] = createSignal(props.kit.ways.blocked);
  onCleanup(props.kit.gate.changes.subscribe(setLost));
  onCleanup(props.kit.ways.changes.subscribe(setBlocked));
  const state = () => props.state;
  let root!: HTMLDivElement;

  const byId = createMemo(() => new Map(props.streams.map((stream) => [stream.id, stream])));
  const arrangement = createMemo(() => arrange(state().layout(), state().shown(), size().width, size().height));
  /** In the order in which they came: a video that is moved in the document stops. */
  const mounted = createMemo<readonly string[]>((before) => {
    const now = new Set(state().shown().map(({ stream }) => stream));
    return [...before.filter((id) => now.delete(id)), ...now];
  }, []);
  const placeOf = (id: string) => state().shown().findIndex(({ stream }) => stream === id);
  const areaOf = (id: string) => arrangement().areas[placeOf(id)] ?? { column: 1, row: 1, w: 1, h: 1 };
  const kiosk = createKiosk(() => state().kiosk());

  const observe = (element: HTMLDivElement) => {
    const observer = new ResizeObserver(([entry]) => entry && setSize({ width: entry.contentRect.width, height: entry.contentRect.height }));
    observer.observe(element);
    onCleanup(() => observer.disconnect());
  };
  createEffect(() => {
    if (!touring()) return;
    const timer = setInterval(() => state().setPage(state().page() + 1), TOUR_MS);
    onCleanup(() => clearInterval(timer));
  });
  // A tile that has gone is heard no more.
  createEffect(on(mounted, (ids) => sound() !== null && !ids.includes(sound() ?? "") && setSound(null), { defer: true }));

  const act = (stream: Stream, action: Parameters<TileProps["onAction"]>[0]) => {
    const target = { stream: stream.id, name: stream.name };
    switch (action) {
      case "snapshot": return void quickSnapshot(target, null, (id) => navigate(`/snapshots?id=${id}`));
      case "bookmark": return void quickBookmark(target, null, (id) => navigate(`/bookmarks?id=${id}`));
      case "clip": return navigate(`/recordings/${stream.id}?t=${String(Math.round(props.now - 30_000))}`);
      case "device": return navigate(`/devices/${stream.device_id}`);
      case "remove": return state().remove(stream.id);
      case "retry": return props.kit.sessions.forEach((session) => session.hurry());
      case "start":
        return void call(`/api/v1/devices/${stream.device_id}/start-stream`, { method: "POST" })
          .catch((error: unknown) => toast({ text: sentenceOf(error), kind: "bad" }));
    }
  };
  const selectedStream = () => byId().get(state().selected() ?? "");
  const onSelected = (run: (stream: Stream) => void) => () => {
    const stream = selectedStream();
    if (stream) run(stream);
  };
  const toggleSound = (stream: Stream) => {
    if (!stream.codec_config.audio) return void toast({ text: t("live.noSound") });
    setSound(sound() === stream.id ? null : stream.id);
  };
  const fullScreen = () => void (document.fullscreenElement ? document.exitFullscreen() : root.requestFullscreen()).catch(() => undefined);
  const move = (direction: Arrow, event: KeyboardEvent) => {
    const selected = state().selected();
    if (selected === null) return;
    const areas = arrangement().areas.slice(0, state().shown().length);
    if (state().editing() && event.shiftKey) {
      // In both directions: pictures keep their shape.
      return state().resize(selected, direction === "ArrowLeft" || direction === "ArrowUp" ? -1 : 1);
    }
    const next = state().shown()[neighbour(areas, placeOf(selected), direction)]?.stream;
    if (next === undefined) return;
    if (state().editing()) state().swap(selected, next);
    else if (state().zoomed()) state().zoom(next);
    state().select(state().editing() ? selected : next);
  };
  useWallKeys({
    move,
    zoom: () => state().selected() && state().zoom(state().selected()),
    back: () => (state().editing() ? state().setEditing(false) : state().zoomed() ? state().zoom(null) : undefined),
    layout: (layout) => state().setLayout(layout),
    page: (step) => state().setPage(state().page() + step),
    fullScreen,
    sound: onSelected(toggleSound),
    snapshot: onSelected((stream) => act(stream, "snapshot")),
    bookmark: onSelected((stream) => act(stream, "bookmark")),
  });

  return (
    <div ref={root} class={cx(styles["wall"], kiosk.on() && styles["kiosk"], kiosk.idle() && styles["idle"])}>
      <WallHead
        state={state()} views={props.views} streams={props.streams} groups={props.groups} touring={touring()} audible={sound() !== null}
        isPhone={props.isPhone} onTour={() => setTouring(!touring())} onMute={() => setSound(null)} onFullScreen={fullScreen}
      />
      <div role="status">
        <Show when={lost()}>
          <p class={cx(styles["banner"], styles["bad"])}><StatusGlyph status="bad" silent />{t("wall.serverLost")}</p>
        </Show>
        <Show when={!lost() && blocked()}>
          <p class={styles["banner"]}><StatusGlyph status="warn" silent />{t("wall.networkBlocked")}</p>
        </Show>
        <Show when={state().editing()}>
          <p class={styles["banner"]}>
            {t("live.editHint")}
            <Button size="small" look="ink" onClick={() => state().setEditing(false)}>{t("live.editDone")}</Button>
          </p>
        </Show>
      </div>
      <div
        class={styles["grid"]}
        ref={observe}
        role="grid"
        aria-label={t("live.wall")}
        aria-rowcount={arrangement().rows}
        style={props.isPhone ? {} : {
          "grid-template-columns": `repeat(${String(arrangement().columns)}, minmax(0, 1fr))`,
          "grid-template-rows": `repeat(${String(arrangement().rows)}, minmax(0, 1fr))`,
        }}
      >
        <div role="row" class="contents">
          <For each={mounted()}>
            {(id) => (
              <Show when={byId().get(id)}>
                {(stream) => (
                  <Tile
                    kit={props.kit} stream={stream()} area={areaOf(id)} now={props.now} rank={placeOf(id)} kiosk={state().kiosk()}
                    selected={state().selected() === id} zoomed={state().zoomed() === id} editing={state().editing()} audible={sound() === id}
                    covered={state().zoomed() !== null && state().zoomed() !== id && mounted().includes(state().zoomed() ?? "")}
                    figures={(player) => figures.tiles().get(player.session)}
                    onSelect={() => state().select(id)}
                    onZoom={() => state().zoom(id)}
                    onSound={() => toggleSound(stream())}
                    onAction={(action) => act(stream(), action)}
                    onDrop={(other) => other !== id && state().swap(other, id)}
                    onRemove={() => state().remove(id)}
                  />
                )}
              </Show>
            )}
          </For>
        </div>
        <Show when={state().shown().length === 0}>
          <EmptyState text={t("live.noneHere")} />
        </Show>
      </div>
      <WallFoot figures={figures.wall()} streams={props.streams} stills={relief.stills()} />
    </div>
  );
}
