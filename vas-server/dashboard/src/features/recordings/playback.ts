/** What the player does: live or recorded, one camera or several at the same moment. */

import { createEffect, createMemo, createSignal, mapArray, on, onCleanup, untrack, type Accessor } from "solid-js";
import { factsOf } from "../../api/media";
import { serverTime } from "../../api/clock";
import type { Stream } from "../../api/types";
import { browserClock } from "../../media/clock";
import type { LiveKit } from "../../media/live-kit";
import type { RecordedSnapshot, Skipped } from "../../media/recorded-player";
import { SyncClock } from "../../media/sync-clock";
import { Camera } from "./cameras";

/** Nearer to the present than this, live pictures are shown. */
export const LIVE_MS = 10_000;
/** The newest recorded pictures are so old. */
const RECORDED_EDGE_MS = 1_500;
const REST_MS = 120;
const LOOK_MS = 100;
const SKIP_SHOWN_MS = 5_000;
const FRAME_MS = 40;
export const SPEEDS = [0.25, 0.5, 1, 2, 4, 8, 16];

export function createPlayback(kit: LiveKit, streams: Accessor<readonly Stream[]>, ids: Accessor<readonly string[]>, from: number | null) {
  const [live, setLive] = createSignal(from === null);
  const [at, setAt] = createSignal(from ?? serverTime());
  const [playing, setPlaying] = createSignal(true);
  const [rate, setRateSignal] = createSignal(1);
  const [snapshot, setSnapshot] = createSignal<RecordedSnapshot>({ state: "idle", rate: 1, reason: "" });
  const [skipped, setSkipped] = createSignal<Skipped | null>(null);
  const [spread, setSpread] = createSignal<number | null>(null);
  const clock = new SyncClock(browserClock);
  let seekTimer = 0;
  let skipTimer = 0;

  const cameras = createMemo(mapArray(ids, (id) => {
    const camera = new Camera(id, kit);
    createEffect(() => {
      const stream = streams().find((one) => one.id === id);
      if (stream) camera.session.observe(factsOf(stream));
    });
    onCleanup(() => {
      if (camera.recorded) clock.remove(camera.recorded);
      camera.close();
    });
    return camera;
  }));
  const main = createMemo(() => cameras()[0] ?? null);

  /** Gives every camera what it has to show. */
  const arrange = (time: number) => {
    const list = untrack(cameras);
    if (untrack(live)) {
      for (const camera of list) {
        if (camera.recorded) clock.remove(camera.recorded);
        camera.live();
      }
      return;
    }
    list.forEach((camera, index) => {
      const isNew = camera.recorded === null;
      const player = camera.record(index === 0);
      if (index === 0) clock.setMain(player);
      else clock.add(player);
      player.setRate(untrack(rate));
      if (isNew) player.seek(time);
    });
    if (untrack(playing)) clock.play();
  };
  createEffect(on(cameras, () => arrange(untrack(at))));
  createEffect(() => {
    const player = live() ? null : main()?.recorded;
    if (!player) return;
    setSnapshot(player.snapshot);
    const ends = [
      player.changes.subscribe(setSnapshot),
      player.skips.subscribe((gap) => {
        setSkipped(gap);
        window.clearTimeout(skipTimer);
        skipTimer = window.setTimeout(() => setSkipped(null), SKIP_SHOWN_MS);
      }),
    ];
    onCleanup(() => ends.forEach((end) => end()));
  });

  const goLive = () => {
    setLive(true);
    setPlaying(true);
    setRateSignal(1);
    arrange(serverTime());
  };
  const record = (time: number) => {
    if (!live()) return;
    setLive(false);
    arrange(time);
  };
  const exact = (time: number) => {
    window.clearTimeout(seekTimer);
    clock.seek(time);
  };
  /** Shows the picture of a time. While it is being chosen the player follows when it rests. */
  const seek = (time: number, scrubbing = false) => {
    const edge = serverTime() - RECORDED_EDGE_MS;
    if (!scrubbing && time > serverTime() - 2_000 && playing()) return goLive();
    const target = Math.min(time, edge);
    setAt(target);
    if (live()) record(target);
    if (!scrubbing) return exact(target);
    window.clearTimeout(seekTimer);
    seekTimer = window.setTimeout(() => exact(target), REST_MS);
  };
  const pause = () => {
    setPlaying(false);
    if (live()) record(serverTime() - RECORDED_EDGE_MS);
    clock.pause();
  };
  const play = () => {
    setPlaying(true);
    if (!live()) clock.play();
  };
  const setRate = (next: number) => {
    setRateSignal(next);
    if (next !== 1 && live()) record(serverTime() - RECORDED_EDGE_MS);
    if (!playing()) play();
    clock.setRate(next);
  };

  const stop = browserClock.every(LOOK_MS, () => {
    const player = main()?.recorded;
    if (live()) return void setAt(serverTime());
    if (!player) return;
    setAt(player.time);
    setSpread(clock.spread);
    // Played up to the present: the rest is live.
    const atEnd = player.snapshot.state === "end" && playing() && rate() > 0;
    if (atEnd && serverTime() - player.time < LIVE_MS) goLive();
  });
  onCleanup(() => {
    stop();
    window.clearTimeout(seekTimer);
    window.clearTimeout(skipTimer);
    clock.close();
  });

  return {
    live, at, playing, rate, snapshot, skipped, spread, cameras, main, goLive, seek, play, pause, setRate,
    toggle: () => (playing() ? pause() : play()),
    jump: (ms: number) => seek(at() + ms),
    step: (frames: number) => {
      pause();
      const fps = streams().find(({ id }) => id === ids()[0])?.codec_config.video?.fps;
      seek(at() + frames * (fps ? 1_000 / fps : FRAME_MS));
    },
    /** Faster in one direction with every press, as J and L are used to. */
    shuttle: (direction: 1 | -1) => {
      const now = rate() * direction;
      setRate(direction * (playing() && now >= 1 ? Math.min(16, now * 2) : direction === 1 && !playing() ? 1 : 1));
    },
  };
}

export type Playback = ReturnType<typeof createPlayback>;
