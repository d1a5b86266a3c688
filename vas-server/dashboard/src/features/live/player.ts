/** One tile's picture as Solid sees it: a session, its surface, and signals of what they say. */

import { createEffect, createSignal, onCleanup, type Accessor } from "solid-js";
import { factsOf } from "../../api/media";
import type { Stream } from "../../api/types";
import { LayerPolicy, targetWidth } from "../../media/layer-policy";
import type { LiveKit } from "../../media/live-kit";
import type { LiveSession } from "../../media/live-session";
import type { LiveSnapshot } from "../../media/live-types";
import { PictureSurface } from "../../media/surface";
import type { Presence } from "./presence";

const PHONE = matchMedia("(max-width: 700px)");
/** A still is shown to who waits in the queue for so long. */
const POSTER_MS = 1_000;

export interface TilePlayer {
  readonly session: LiveSession;
  readonly surface: PictureSurface;
  readonly snapshot: Accessor<LiveSnapshot>;
  readonly presence: (presence: Presence) => void;
  /** Follows the size of an element. */
  readonly follow: (element: HTMLElement, resized: (width: number, height: number) => void) => void;
}

export function createPlayer(kit: LiveKit, stream: Accessor<Stream>, rank: () => number, audible: Accessor<boolean>): TilePlayer {
  const surface = new PictureSurface();
  const { id } = stream();
  const session = kit.session({ stream: id, surface, rank, audio: () => audible() });
  const [snapshot, setSnapshot] = createSignal(session.snapshot);
  session.changes.subscribe(setSnapshot);

  const policy = new LayerPolicy(kit.clock, (wish) => session.wish(wish));
  let size = { width: 0, height: 0 };
  let paused = false;
  let onSize: (width: number, height: number) => void = () => undefined;
  const tell = () => {
    if (size.width > 0) policy.update(targetWidth(size.width, devicePixelRatio, PHONE.matches), targetWidth(size.height, devicePixelRatio, PHONE.matches), paused);
  };
  const observer = new ResizeObserver(([entry]) => {
    if (!entry) return;
    size = entry.contentRect;
    onSize(size.width, size.height);
    tell();
  });

  createEffect(() => session.observe(factsOf(stream())));
  createEffect<boolean>((before) => {
    const now = audible();
    surface.video.muted = !now;
    // Sound is asked for with the session: who is not listened to costs none.
    if (now && !before) session.reopen();
    return now;
  }, false);
  const stopPoster = kit.clock.after(POSTER_MS, () => {
    if (session.snapshot.state !== "playing" && stream().state === "LIVE") surface.poster(`/v2/streams/${id}/thumbnail.jpg?w=320`);
  });
  session.start();
  onCleanup(() => {
    stopPoster();
    observer.disconnect();
    policy.close();
    kit.end(session);
    surface.destroy();
  });

  return {
    session, surface, snapshot,
    presence(presence) {
      if (presence === "closed") return session.suspend();
      paused = presence === "paused";
      tell();
      session.start();
    },
    follow(element, resized) {
      onSize = resized;
      observer.observe(element);
    },
  };
}
