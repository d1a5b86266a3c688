/** Beside the picture: the other cameras, and the main one's health, bookmarks and snapshots. */

import { For, lazy, Show, Suspense } from "solid-js";
import type { Stream } from "../../api/types";
import { t } from "../../i18n";
import { Skeleton } from "../../ui/States";
import { CameraPicture } from "./CameraPicture";
import type { Day } from "./data";
import type { Playback } from "./playback";
import styles from "./Recordings.module.css";

const Panels = lazy(() => import("./Panels"));

export interface SideProps {
  readonly playback: Playback;
  readonly streams: readonly Stream[];
  readonly day: Day;
  readonly now: number;
  readonly compact: boolean;
  readonly onPromote: (id: string) => void;
  readonly onSeek: (time: number) => void;
}

function SyncedCameras(props: SideProps) {
  const others = () => props.playback.cameras().slice(1);
  const name = (id: string) => props.streams.find((stream) => stream.id === id)?.name ?? "";
  const spread = () => props.playback.spread();
  const words = () => {
    if (props.playback.live()) return t("recordings.live");
    const ms = spread();
    return ms === null ? t("recordings.syncing") : t("recordings.within", { ms: Math.max(40, Math.ceil(ms / 10) * 10) });
  };
  return (
    <section class={styles["synced"]}>
      <header class={styles["syncedHead"]}>
        <b>{t("recordings.inSync")}</b>
        <span class="t3">{words()}</span>
      </header>
      <div class={styles["syncedGrid"]}>
        <For each={others()}>
          {(camera) => (
            <button type="button" class={styles["small"]} aria-label={t("recordings.promote", { name: name(camera.id) })} onClick={() => props.onPromote(camera.id)}>
              <CameraPicture camera={camera} />
              <span class={styles["smallName"]}>{name(camera.id)}</span>
            </button>
          )}
        </For>
      </div>
    </section>
  );
}

export function Side(props: SideProps) {
  return (
    <aside class={styles["side"]}>
      <Show when={props.streams.length > 1}><SyncedCameras {...props} /></Show>
      {/* What is loaded here must not take the pictures away meanwhile. */}
      <Suspense fallback={<Skeleton rows={6} />}><Panels {...props} /></Suspense>
    </aside>
  );
}
