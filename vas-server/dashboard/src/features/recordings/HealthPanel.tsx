/** How a camera does just now, and how it did in the last minutes. */

import { createEffect, createMemo, createSignal, For, on, Show, type JSX } from "solid-js";
import { useHealth } from "../../api/queries";
import type { Health, Stream } from "../../api/types";
import { t } from "../../i18n";
import { decimal, megabits } from "../../i18n/time";
import { QueryStates } from "../../ui/States";
import { Sparkline } from "../../ui/Sparkline";
import { StatusGlyph, type Status } from "../../ui/Status";
import styles from "./Recordings.module.css";

/** Looks that are kept; one comes every 2 s. */
const KEPT = 60;

const VERDICTS: Readonly<Record<Health["status"], Status>> = { healthy: "ok", degraded: "warn", unhealthy: "bad" };

/** H.264 profiles by the first byte of the profile's name in a codec string (RFC 6184). */
const PROFILES: Readonly<Record<string, string>> = { "42": "Baseline", "4d": "Main", "58": "Extended", "64": "High" };

interface Sample {
  readonly fps: number;
  readonly kbps: number;
  readonly keyframes: number | null;
  readonly loss: number;
  readonly jitter: number;
  readonly age: number | null;
  readonly drift: number | null;
}

function sampleOf(health: Health): Sample {
  const { metrics } = health;
  return {
    fps: metrics.fps, kbps: metrics.bitrate_kbps, keyframes: metrics.keyframe_interval_s, loss: metrics.packet_loss * 100,
    jitter: metrics.jitter_ms, age: metrics.last_frame_age_ms, drift: health.ingest?.health?.clock_drift_ppm ?? null,
  };
}

function codecName(stream: Stream | undefined): string {
  const video = stream?.codec_config.video;
  if (!video) return "";
  const name = video.codec.replace(/^H(\d)/, "H.$1");
  const profile = video.codec === "H264" ? PROFILES[video.profile.slice(0, 2).toLowerCase()] : undefined;
  return profile ? `${name} ${profile}` : name;
}

function Metric(props: { readonly label: string; readonly values: readonly (number | null)[]; readonly unit: string; readonly children: JSX.Element }) {
  return (
    <div class={styles["metric"]}>
      <span class="t2">{props.label}</span>
      <Sparkline values={props.values} height={20} />
      <span class={styles["value"]}>{props.children}<small>{props.unit}</small></span>
    </div>
  );
}

export function HealthPanel(props: { readonly id: string; readonly stream: Stream | undefined }) {
  const query = useHealth(() => props.id);
  const [history, setHistory] = createSignal<readonly Sample[]>([]);
  createEffect(on(() => props.id, () => setHistory([])));
  createEffect(() => {
    const { data } = query;
    if (data) setHistory((all) => [...all, sampleOf(data)].slice(-KEPT));
  });
  const values = (key: keyof Sample) => history().map((sample) => sample[key]);
  const line = createMemo(() => {
    const video = props.stream?.codec_config.video;
    const viewers = props.stream?.consumers.count ?? 0;
    if (!video) return t("health.viewers", { viewers });
    const transport = query.data?.ingest?.transport?.toUpperCase() ?? "";
    return t("health.codec", { codec: codecName(props.stream), width: String(video.width), height: String(video.height), transport, viewers });
  });
  const number = (value: number | null | undefined, digits = 0) => (value == null ? "–" : decimal(value, digits));
  const signed = (value: number | null | undefined) => {
    const rounded = value == null ? null : Math.round(value * 10) / 10 || 0;
    return `${rounded !== null && rounded > 0 ? "+" : ""}${number(rounded, 1)}`;
  };
  return (
    <QueryStates query={query} rows={6}>
      {(health) => {
        const metrics = () => health().metrics;
        const drift = () => health().ingest?.health?.clock_drift_ppm;
        const rows = (): readonly (readonly [string, keyof Sample, string, string])[] => [
          [t("health.fps"), "fps", number(metrics().fps, 1), "fps"],
          [t("health.bitrate"), "kbps", megabits(metrics().bitrate_kbps), "Mb/s"],
          [t("health.keyframes"), "keyframes", number(metrics().keyframe_interval_s, 1), "s"],
          [t("health.loss"), "loss", number(metrics().packet_loss * 100, 2), "%"],
          [t("health.jitter"), "jitter", number(metrics().jitter_ms, 1), "ms"],
          [t("health.lastFrame"), "age", number(metrics().last_frame_age_ms), t("health.ago")],
          [t("health.drift"), "drift", signed(drift()), "ppm"],
        ];
        return (
          <>
            <div class={styles["verdict"]}>
              <StatusGlyph status={VERDICTS[health().status]} size={12} silent />
              <div>
                <b>{t(`health.${health().status}`)}</b>
                <div class="t2">{health().last_error ?? line()}</div>
              </div>
            </div>
            <For each={rows()}>
              {([label, key, value, unit]) => <Metric label={label} values={values(key)} unit={unit}>{value}</Metric>}
            </For>
            <Show when={health().recording.error}>{(error) => <p class={styles["recordingError"]}>{error()}</p>}</Show>
          </>
        );
      }}
    </QueryStates>
  );
}
