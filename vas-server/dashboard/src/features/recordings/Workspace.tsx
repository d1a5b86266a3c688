/** The page's parts around one playback: picture, side panel, timeline, transport. */

import { useNavigate } from "@solidjs/router";
import { createEffect, createMemo, createSignal, lazy, onCleanup, Show, Suspense, untrack } from "solid-js";
import type { Stream } from "../../api/types";
import { zoneOffset } from "../../i18n/time";
import type { LiveKit } from "../../media/live-kit";
import { dayOf, type Clip } from "../../timeline/model";
import { drawFrame, type Storyboard } from "../../timeline/storyboard";
import type { Timeline } from "../../timeline/timeline";
import { quickBookmark, quickSnapshot, saveBookmark } from "../../ui/quick-capture";
import { Head } from "./Head";
import { createPlayback } from "./playback";
import styles from "./Recordings.module.css";
import { useRecordingKeys } from "./recording-keys";
import { Side } from "./Side";
import { Stage } from "./Stage";
import { Transport } from "./Transport";

/** The picture comes first: it does not wait for the timeline to be loaded. */
const TimelinePane = lazy(() => import("./TimelinePane"));

interface WorkspaceProps {
  readonly kit: LiveKit;
  readonly all: readonly Stream[];
  readonly streams: readonly Stream[];
  readonly now: number;
  readonly compact: boolean;
  readonly time: number | null;
  readonly span: number | null;
  readonly clip: Clip | null;
  readonly onIds: (ids: readonly string[]) => void;
  readonly onPlace: (place: Record<string, string | null>) => void;
}

/** How often the address follows the picture while it plays. */
const PLACE_MS = 2_000;
const NEW_CLIP_MS = 30_000;

export function Workspace(props: WorkspaceProps) {
  const navigate = useNavigate();
  const ids = createMemo<readonly string[]>((before) => {
    const next = props.streams.map(({ id }) => id);
    return next.join() === before.join() ? before : next;
  }, []);
  const playback = createPlayback(props.kit, () => props.streams, ids, untrack(() => props.time));
  const [clip, setClip] = createSignal<Clip | null>(untrack(() => props.clip));
  const [loop, setLoop] = createSignal(false);
  const [timeline, setTimeline] = createSignal<Timeline | null>(null);
  let storyboard: Storyboard | null = null;
  let scrubbed = 0;

  const main = () => props.streams[0];
  const name = () => main()?.name ?? "";
  const target = () => ({ stream: main()?.id ?? "", name: name() });
  /** The time that captures are of; null for the live picture. */
  const moment = () => (playback.live() ? null : playback.at());
  const day = createMemo(() => dayOf(Math.floor(playback.at() / 60_000) * 60_000, zoneOffset), undefined, {
    equals: (a, b) => a.start === b.start,
  });

  /** A storyboard's picture over the video, until the exact one is there. */
  const preview = (time: number) => {
    const mine = ++scrubbed;
    const camera = playback.main();
    if (!camera) return;
    void storyboard?.frame(camera.id, time, timeline()?.view.span ?? 0).then((frame) => {
      if (mine !== scrubbed || !frame) return;
      drawFrame(camera.preview, frame);
      camera.preview.style.visibility = "visible";
    });
  };
  const seek = (time: number, scrubbing: boolean) => {
    if (scrubbing) preview(time);
    else scrubbed++;
    playback.seek(time, scrubbing);
  };
  createEffect(() => {
    playback.at();
    const camera = playback.main();
    if (camera?.recorded?.ready !== false && camera) camera.preview.style.visibility = "hidden";
  });
  createEffect(() => {
    const range = clip();
    if (loop() && range && playback.playing() && !playback.live() && playback.at() >= range.to) playback.seek(range.from);
  });
  // The address says what is shown, so that it can be sent to somebody.
  const place = () => {
    const range = clip();
    props.onPlace({
      t: playback.live() ? null : String(Math.round(playback.at())),
      in: range ? String(Math.round(range.from)) : null,
      out: range ? String(Math.round(range.to)) : null,
      span: timeline() ? String(Math.round(timeline()?.view.span ?? 0)) : null,
    });
  };
  const timer = setInterval(place, PLACE_MS);
  onCleanup(() => clearInterval(timer));

  const changeClip = (next: Clip | null, moved: "from" | "to" | null) => {
    setClip(next);
    // Moving an end shows the picture at which the clip will be cut.
    if (next && moved) seek(moved === "from" ? next.from : next.to, true);
  };
  const setEnd = (end: "from" | "to") => {
    const at = playback.at();
    const now = clip();
    if (end === "from") setClip({ from: at, to: now && now.to > at ? now.to : at + NEW_CLIP_MS });
    else setClip({ from: now && now.from < at ? now.from : at - NEW_CLIP_MS, to: at });
  };
  const startClip = () => setClip(clip() ? null : { from: playback.at() - NEW_CLIP_MS / 2, to: playback.at() + NEW_CLIP_MS / 2 });
  const event = (direction: 1 | -1) => {
    const next = timeline()?.nextEvent(playback.at(), direction);
    if (next != null) playback.seek(next);
    else playback.jump(direction * 60_000);
  };
  const editBookmark = (id: string) => navigate(`/bookmarks?id=${id}`);
  const bookmark = () => void quickBookmark(target(), moment(), editBookmark);
  const snapshot = () => void quickSnapshot(target(), moment(), (id) => navigate(`/snapshots?id=${id}`));
  useRecordingKeys({
    toggle: playback.toggle, stop: playback.pause, shuttle: playback.shuttle, jump: playback.jump, step: playback.step,
    event, zoom: (factor) => timeline()?.zoom(factor), live: playback.goLive, end: setEnd, bookmark, snapshot,
  });
  const promote = (id: string) => props.onIds([id, ...ids().filter((other) => other !== id)]);

  return (
    <div class={styles["page"]}>
      <Head all={props.all} streams={props.streams} live={playback.live()} compact={props.compact} onIds={props.onIds} />
      <Stage playback={playback} name={name()} now={props.now} stream={main()} />
      <Side playback={playback} streams={props.streams} day={day()} now={props.now} compact={props.compact} onPromote={promote} onSeek={(time) => { playback.seek(time); timeline()?.reveal(time); }} />
      <section class={styles["below"]} style={props.compact ? {} : { "grid-template-rows": `${String(Math.max(150, 142 + 34 * (props.streams.length - 1)))}px 52px` }}>
        <Suspense fallback={<div />}><TimelinePane
          streams={props.streams} at={playback.at()} live={playback.live()} compact={props.compact} span={props.span} clip={clip}
          ready={(made, pictures) => { setTimeline(made); storyboard = pictures; }}
          onSeek={seek} onClip={changeClip} onView={() => undefined}
        /></Suspense>
        <Show when={main()}>
          {(stream) => (
            <Transport
              playback={playback} stream={stream()} streams={props.streams} clip={clip()} loop={loop()} compact={props.compact}
              onEvent={event} onLoop={() => setLoop(!loop())} onClearClip={() => setClip(null)} onStartClip={startClip}
              onZoom={(factor) => timeline()?.zoom(factor)}
              onGoTo={(time) => { playback.seek(time); timeline()?.reveal(time); }}
              onBookmark={bookmark} onSnapshot={snapshot}
              onSave={(wanted) => saveBookmark(target(), wanted, editBookmark)}
              link={() => { place(); return window.location.href; }}
            />
          )}
        </Show>
      </section>
    </div>
  );
}
