/**
 * Glyphs of states. Each has its own shape, so that colour is never needed to tell them apart: a disc is live, a
 * triangle degraded, a dashed ring reconnecting, an octagon failed, a hollow ring off.
 */

import { Match, Switch } from "solid-js";
import type { Health, Stream } from "../api/types";
import { t } from "../i18n";
import { cx } from "./cx";
import styles from "./Status.module.css";

export type Status = "ok" | "warn" | "reconnecting" | "bad" | "off";

interface StatusGlyphProps {
  readonly status: Status;
  readonly size?: number;
  /** On a picture: the colours of the dark theme, whatever the theme. */
  readonly onPicture?: boolean;
  /** The words beside it already say the state. */
  readonly silent?: boolean;
  readonly pulsing?: boolean;
}

export function StatusGlyph(props: StatusGlyphProps) {
  const size = (): number => props.size ?? 9;
  return (
    <svg
      class={cx(styles["glyph"], styles[props.status], props.onPicture && styles["onPicture"], props.pulsing && styles["pulsing"])}
      width={size()}
      height={size()}
      viewBox="0 0 10 10"
      role={props.silent ? undefined : "img"}
      aria-label={props.silent ? undefined : t(`status.${props.status}`)}
      aria-hidden={props.silent ? "true" : undefined}
    >
      <Switch>
        <Match when={props.status === "ok"}><circle cx="5" cy="5" r="4" /></Match>
        <Match when={props.status === "warn"}><path d="M5 .6 9.7 9.2H.3z" /></Match>
        <Match when={props.status === "bad"}><path d="M3.1.4h3.8L9.6 3.1v3.8L6.9 9.6H3.1L.4 6.9V3.1z" /></Match>
        <Match when={props.status === "reconnecting"}>
          <circle class={styles["ring"]} cx="5" cy="5" r="3.6" stroke-width="2" stroke-dasharray="3.77 3.77" />
        </Match>
        <Match when={props.status === "off"}><circle class={styles["ring"]} cx="5" cy="5" r="3.7" stroke-width="1.4" /></Match>
      </Switch>
    </svg>
  );
}

/** Share of packets lost, and age of the newest picture in milliseconds, from which a live stream is degraded. */
const LOSSY = 0.02;
const STALE_MS = 5_000;

/** The state of a stream as a glyph shows it. The server's own verdict (`Health`) follows the same rule. */
export function statusOf(stream: Pick<Stream, "state" | "metrics"> | Pick<Health, "state" | "metrics">): Status {
  switch (stream.state) {
    case "LIVE": {
      const { packet_loss: loss, last_frame_age_ms: age } = stream.metrics;
      return loss > LOSSY || (age ?? 0) > STALE_MS ? "warn" : "ok";
    }
    case "INITIALIZING":
    case "READY":
      return "reconnecting";
    case "ERROR":
      return "bad";
    default:
      return "off";
  }
}
