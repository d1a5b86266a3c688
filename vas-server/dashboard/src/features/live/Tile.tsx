/** One camera on the wall: its picture, its name, and what is to be said of it. */

import { Bookmark, Camera, Maximize2, Minimize2, Scissors, Volume2, VolumeX, X } from "lucide-solid";
import { createEffect, createSignal, onCleanup, onMount, Show } from "solid-js";
import { can } from "../../api/session";
import type { Stream } from "../../api/types";
import { t } from "../../i18n";
import { decimal, megabits } from "../../i18n/time";
import type { LiveKit } from "../../media/live-kit";
import { Button, IconButton } from "../../ui/Button";
import { cx } from "../../ui/cx";
import { StatusGlyph } from "../../ui/Status";
import { digitalZoom } from "./digital-zoom";
import type { TileFigures } from "./figures";
import type { Area } from "./layouts";
import { createPlayer, type TilePlayer } from "./player";
import { PresenceWatch } from "./presence";
import styles from "./Tile.module.css";
import { tileWords, type TileAction } from "./words";

/** Shapes of picture and tile (logarithm of their ratio) up to which the picture fills the tile. */
const ALIKE = 0.12;

export interface TileProps {
  readonly kit: LiveKit;
  readonly stream: Stream;
  readonly area: Area;
  readonly now: number;
  readonly selected: boolean;
  /** It fills the wall; or another does. */
  readonly zoomed: boolean;
  readonly covered: boolean;
  readonly editing: boolean;
  readonly audible: boolean;
  readonly kiosk: boolean;
  readonly rank: number;
  readonly figures: (player: TilePlayer) => TileFigures | undefined;
  readonly onSelect: () => void;
  readonly onZoom: () => void;
  readonly onSound: () => void;
  readonly onAction: (action: TileAction | "snapshot" | "bookmark" | "clip") => void;
  readonly onDrop: (stream: string) => void;
  readonly onRemove: () => void;
}

export function Tile(props: TileProps) {
  const player = createPlayer(props.kit, () => props.stream, () => (props.selected ? -1 : props.rank), () => props.audible);
  const [scale, setScale] = createSignal(1);
  const [shape, setShape] = createSignal(0);
  const fills = () => {
    const { width = 16, height = 9 } = props.stream.codec_config.video ?? {};
    return shape() > 0 && Math.abs(Math.log(shape() / (width / height))) < ALIKE;
  };
  let element!: HTMLDivElement;
  const words = () => tileWords(props.stream, player.snapshot(), props.now);
  const figures = () => props.figures(player);
  const hasSound = () => props.stream.codec_config.audio !== undefined;

  onMount(() => {
    element.prepend(player.surface.root);
    player.follow(element, (width, height) => setShape(width / height));
    const watch = new PresenceWatch(element, props.kit.clock, () => props.audible || props.kiosk, player.presence);
    const zoom = digitalZoom(element, player.surface.root, () => !props.editing && (props.selected || props.zoomed), (next) => setScale(next.scale));
    createEffect(() => watch.cover(props.covered));
    createEffect(() => !props.selected && !props.zoomed && zoom.reset());
    createEffect(() => {
      // What is chosen with the keys is where the focus is, if the focus is on the wall.
      if (props.selected && document.activeElement?.parentElement === element.parentElement) element.focus({ preventScroll: false });
    });
    onCleanup(() => {
      watch.close();
      zoom.end();
    });
  });

  const layer = () => {
    const height = figures()?.height;
    if (!height) return "";
    const main = props.stream.codec_config.video?.height ?? 0;
    return t("live.layer", { height, layer: main === 0 ? "other" : height >= main ? "main" : "sub" });
  };
  const rate = () => {
    const figure = figures();
    return figure?.fps === undefined || player.snapshot().state !== "playing" ? "" : t("live.fps", { fps: decimal(figure.fps, 0), rate: megabits(figure.kbps ?? 0) });
  };
  const behind = () => {
    const ms = figures()?.behindMs;
    return ms == null ? t("live.hls") : t("live.hlsBehind", { seconds: decimal(ms / 1_000, 1) });
  };

  return (
    <div
      ref={element}
      class={cx(styles["tile"], props.selected && styles["selected"], props.zoomed && styles["zoomed"], props.kiosk && styles["kiosk"], fills() && styles["fills"])}
      style={{ "grid-area": props.zoomed ? "1 / 1 / -1 / -1" : `${String(props.area.row)} / ${String(props.area.column)} / span ${String(props.area.h)} / span ${String(props.area.w)}` }}
      role="gridcell"
      tabIndex={props.selected ? 0 : -1}
      aria-label={`${props.stream.name}, ${words().spoken}`}
      aria-selected={props.selected}
      data-stream={props.stream.id}
      data-state={player.snapshot().state}
      data-way={player.snapshot().way}
      data-picture={words().picture}
      draggable={props.editing}
      onPointerDown={() => props.onSelect()}
      onFocus={() => props.onSelect()}
      onDblClick={() => props.onZoom()}
      onDragStart={(event) => event.dataTransfer?.setData("text/plain", props.stream.id)}
      onDragOver={(event) => props.editing && event.preventDefault()}
      onDrop={(event) => {
        event.preventDefault();
        props.onDrop(event.dataTransfer?.getData("text/plain") ?? "");
      }}
    >
      <div class={styles["top"]}>
        <Show when={player.snapshot().state === "playing" && player.snapshot().way === "webrtc"}>
          <span class={cx(styles["pill"], styles["onHover"])}>
            <StatusGlyph status="ok" silent onPicture />
            {t("live.live")}
            <Show when={figures()?.delayMs != null}>
              <span class={styles["figure"]}>{t("live.delay", { ms: figures()?.delayMs ?? 0 })}</span>
            </Show>
          </span>
          <Show when={layer()}>
            <span class={cx(styles["pill"], styles["faint"], styles["onHover"], styles["desktop"])}>{layer()}</span>
          </Show>
        </Show>
        <Show when={player.snapshot().way === "hls"}>
          <span class={styles["pill"]}>{behind()}</span>
        </Show>
        <Show when={player.snapshot().way === "still"}>
          <span class={styles["pill"]}>{t("live.stills")}</span>
        </Show>
        <Show when={scale() > 1}>
          <span class={styles["pill"]}>{decimal(scale(), 1)}×</span>
        </Show>
        <span class={styles["space"]} />
        <Show when={props.editing} fallback={
          <span class={cx(styles["actions"], styles["onHover"], styles["desktop"])} role="group" aria-label={props.stream.name}>
            <Show when={hasSound()}>
              <IconButton look="picture" size="small" iconSize={16} icon={props.audible ? Volume2 : VolumeX} pressed={props.audible}
                label={props.audible ? t("live.mute") : t("live.unmute")} shortcut="M" onClick={() => props.onSound()} />
            </Show>
            <Show when={can("snapshots:write")}>
              <IconButton look="picture" size="small" iconSize={16} icon={Camera} label={t("live.snapshot")} shortcut="S" onClick={() => props.onAction("snapshot")} />
            </Show>
            <Show when={can("bookmarks:write")}>
              <IconButton look="picture" size="small" iconSize={16} icon={Bookmark} label={t("live.bookmark")} shortcut="B" onClick={() => props.onAction("bookmark")} />
            </Show>
            <IconButton look="picture" size="small" iconSize={16} icon={Scissors} label={t("live.clip")} onClick={() => props.onAction("clip")} />
            <IconButton look="picture" size="small" iconSize={16} icon={props.zoomed ? Minimize2 : Maximize2}
              label={props.zoomed ? t("live.zoomOut") : t("live.zoomIn")} shortcut="Enter" onClick={() => props.onZoom()} />
          </span>
        }>
          <span class={styles["actions"]}>
            <IconButton look="picture" size="small" iconSize={16} icon={X} label={t("live.remove", { name: props.stream.name })} onClick={() => props.onRemove()} />
          </span>
        </Show>
      </div>
      <Show when={words().title}>
        <div class={styles["message"]}>
          <b>{words().title}</b>
          <Show when={words().text}><span class={styles["words"]}>{words().text}</span></Show>
          <Show when={words().hint}><span class={styles["hint"]}>{words().hint}</span></Show>
          <Show when={words().action}>
            {(action) => (
              <Button look="picture" size="small" class={styles["button"] ?? ""} onClick={() => props.onAction(action().kind)}>
                {action().label}
              </Button>
            )}
          </Show>
        </div>
      </Show>
      <div class={styles["bar"]}>
        <StatusGlyph status={words().status} size={props.area.w > 1 ? 9 : 8} onPicture silent pulsing={words().pulsing} />
        <span class={cx("ellipsis", styles["name"])}>{props.stream.name}</span>
        <span class={styles["right"]}>
          {words().right || <span class={cx(styles["onHover"], styles["desktop"])}>{rate()}</span>}
        </span>
      </div>
    </div>
  );
}
