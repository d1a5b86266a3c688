/** The wall's figures, in the footer. */

import { createMemo, Show } from "solid-js";
import type { Stream } from "../../api/types";
import { t } from "../../i18n";
import { decimal, megabits, percent } from "../../i18n/time";
import { PageFoot } from "../../ui/PageHead";
import type { WallFigures } from "./figures";
import styles from "./Wall.module.css";

/** 210 ms, 2.4 s */
function delay(ms: number): string {
  return ms < 1_000 ? t("live.delay", { ms }) : `${decimal(ms / 1_000, 1)} s`;
}

export function WallFoot(props: { readonly figures: WallFigures; readonly streams: readonly Stream[]; readonly stills: number }) {
  const live = createMemo(() => props.streams.filter(({ state }) => state === "LIVE").length);
  const total = () => props.streams.length;
  return (
    <PageFoot>
      <span class={styles["foot"]}><b>{live()}</b> {t("wall.foot.live", { live: "", total: total() }).trim()}</span>
      <Show when={props.figures.webrtc + props.figures.hls > 0}>
        <span class={styles["foot"]}>
          <b>{props.figures.webrtc}</b> WebRTC
          <Show when={props.figures.hls > 0}>{", "}<b>{props.figures.hls}</b> LL-HLS</Show>
        </span>
        <span class={styles["foot"]}><b>{megabits(props.figures.kbps)}</b> Mb/s</span>
      </Show>
      <Show when={props.figures.delay !== null}>
        <span class={styles["foot"]}>
          {t("wall.foot.delay")} <b>{t("wall.foot.delayWorst", { median: delay(props.figures.delay ?? 0), worst: delay(props.figures.worst ?? 0) })}</b>
        </span>
        <span class={styles["foot"]}>{t("wall.foot.dropped")} <b>{percent(props.figures.dropped)}</b></span>
      </Show>
      <Show when={props.stills > 0}>
        <span class={styles["footLimit"]}>{t("wall.foot.limit", { n: props.stills })}</span>
      </Show>
    </PageFoot>
  );
}
