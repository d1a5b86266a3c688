/** Beneath the timeline: play, the time, the clip, captures. */

import { Bookmark, Camera, CalendarDays, ChevronDown, Download, FastForward, Link, Pause, Play, Repeat, Rewind, Scissors, SkipBack, SkipForward, X, ZoomIn, ZoomOut } from "lucide-solid";
import { createSignal, lazy, Show, Suspense } from "solid-js";
import type { NewBookmark } from "../../api/new-captures";
import { can } from "../../api/session";
import type { Stream } from "../../api/types";
import { t } from "../../i18n";
import { bytes, clipLength, clockTime, shortDate, zoneName } from "../../i18n/time";
import type { Clip } from "../../timeline/model";
import { Button, IconButton } from "../../ui/Button";
import { Menu } from "../../ui/Menu";
import { toast } from "../../ui/toast";
import { saveClip } from "./clips";
import { SPEEDS, type Playback } from "./playback";
import styles from "./Recordings.module.css";

const BookmarkForm = lazy(() => import("./BookmarkForm"));
const GoToTime = lazy(() => import("./GoToTime"));

interface TransportProps {
  readonly playback: Playback;
  readonly stream: Stream;
  readonly streams: readonly Stream[];
  readonly clip: Clip | null;
  readonly loop: boolean;
  readonly compact: boolean;
  readonly onEvent: (direction: 1 | -1) => void;
  readonly onLoop: () => void;
  readonly onClearClip: () => void;
  readonly onStartClip: () => void;
  readonly onZoom: (factor: number) => void;
  readonly onGoTo: (time: number) => void;
  readonly onBookmark: () => void;
  readonly onSnapshot: () => void;
  readonly onSave: (wanted: NewBookmark) => Promise<void>;
  readonly link: () => string;
}

const STEP_MS = 5_000;

/** What a clip weighs, by what the cameras send now. */
function weight(streams: readonly Stream[], clip: Clip): number {
  return streams.reduce((sum, { metrics }) => sum + (metrics.bitrate_kbps * 125 * (clip.to - clip.from)) / 1_000, 0);
}

export function Transport(props: TransportProps) {
  const [going, setGoing] = createSignal(false);
  const time = () => clockTime(props.playback.at()) + (props.compact ? "" : `.${String(Math.floor(props.playback.at() / 100) % 10)}`);
  const copy = async () => {
    await navigator.clipboard.writeText(props.link());
    toast({ text: t("recordings.linkCopied"), kind: "ok" });
  };
  const speed = (rate: number) => `${String(rate)}×`;
  return (
    <div class={styles["transport"]} role="toolbar" aria-label={t("recordings.title")}>
      <div class={styles["buttons"]}>
        <IconButton icon={SkipBack} label={t("recordings.previous")} shortcut="[" onClick={() => props.onEvent(-1)} />
        <IconButton icon={Rewind} label={t("recordings.back")} shortcut="←" onClick={() => props.playback.jump(-STEP_MS)} />
        <button type="button" class={styles["play"]} aria-label={props.playback.playing() ? t("recordings.pause") : t("recordings.play")} onClick={() => props.playback.toggle()}>
          <Show when={props.playback.playing()} fallback={<Play size={18} fill="currentColor" />}><Pause size={18} fill="currentColor" /></Show>
        </button>
        <IconButton icon={FastForward} label={t("recordings.forward")} shortcut="→" disabled={props.playback.live()} onClick={() => props.playback.jump(STEP_MS)} />
        <IconButton icon={SkipForward} label={t("recordings.next")} shortcut="]" disabled={props.playback.live()} onClick={() => props.onEvent(1)} />
      </div>
      <span class={styles["time"]}>
        <time dateTime={new Date(props.playback.at()).toISOString()}>{time()}</time>
        <small>{`${shortDate(props.playback.at())}, ${zoneName(props.playback.at())}`}</small>
      </span>
      <Show when={!props.compact}>
        <Menu
          triggerLabel={t("recordings.speed")}
          triggerClass={styles["quiet"] ?? ""}
          placement="top-start"
          trigger={<>{speed(props.playback.rate())}<ChevronDown size={14} /></>}
          items={[...SPEEDS, -1, -4].map((rate) => ({ label: speed(rate), checked: props.playback.rate() === rate, onSelect: () => props.playback.setRate(rate) }))}
        />
        <Button look="quiet" icon={CalendarDays} onClick={() => setGoing(true)}>{t("recordings.goToTime")}</Button>
      </Show>
      <span class={styles["space"]} />
      <Show when={props.clip}>
        {(clip) => (
          <>
            <span class={styles["clip"]}>
              {t("recordings.clip")} <b>{clipLength(clip().to - clip().from)}</b>
              <Show when={!props.compact}>
                {", "}{t("recordings.clipRange", { from: clockTime(clip().from), to: clockTime(clip().to) })}
                <span class="t3"> {t("recordings.clipSize", { size: bytes(weight(props.streams, clip())) })}</span>
              </Show>
            </span>
            <IconButton icon={Repeat} size="small" iconSize={15} label={t("recordings.clipLoop")} pressed={props.loop} onClick={() => props.onLoop()} />
            <IconButton icon={X} size="small" iconSize={15} label={t("recordings.clipClear")} onClick={() => props.onClearClip()} />
            <Button icon={Download} onClick={() => void saveClip(props.streams, clip())}>
              {props.streams.length > 1 ? t("recordings.export", { n: props.streams.length }) : t("recordings.mp4")}
            </Button>
            <Show when={can("bookmarks:write")}>
              <Suspense><BookmarkForm clip={clip()} onSave={(wanted) => props.onSave(wanted)} /></Suspense>
            </Show>
          </>
        )}
      </Show>
      <Show when={!props.compact}>
        <Show when={!props.clip}>
          <IconButton icon={Scissors} label={t("recordings.clipStart")} shortcut="I" onClick={() => props.onStartClip()} />
          <Show when={can("bookmarks:write")}>
            <IconButton icon={Bookmark} label={t("recordings.bookmark")} shortcut="B" onClick={() => props.onBookmark()} />
          </Show>
        </Show>
        <Show when={can("snapshots:write")}>
          <IconButton icon={Camera} label={t("recordings.snapshot")} shortcut="S" onClick={() => props.onSnapshot()} />
        </Show>
        <IconButton icon={Link} label={t("recordings.copyLink")} onClick={() => void copy()} />
        <IconButton icon={ZoomOut} label={t("recordings.shrink")} shortcut="-" onClick={() => props.onZoom(1 / 0.6)} />
        <IconButton icon={ZoomIn} label={t("recordings.expand")} shortcut="+" onClick={() => props.onZoom(0.6)} />
      </Show>
      <Show when={props.compact}>
        <div class={styles["phoneActions"]}>
          <Show when={can("snapshots:write")}><Button icon={Camera} onClick={() => props.onSnapshot()}>{t("recordings.snapshot")}</Button></Show>
          <Show when={can("bookmarks:write")}><Button icon={Bookmark} onClick={() => props.onBookmark()}>{t("recordings.bookmark")}</Button></Show>
          <Button icon={Scissors} onClick={() => props.onStartClip()}>{t("recordings.clipStart")}</Button>
        </div>
      </Show>
      <Show when={going()}>
        <Suspense><GoToTime at={props.playback.at()} onClose={() => setGoing(false)} onGo={(at) => props.onGoTo(at)} /></Suspense>
      </Show>
    </div>
  );
}
