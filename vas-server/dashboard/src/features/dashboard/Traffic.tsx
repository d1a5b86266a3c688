/** What came in and what went out over the range. */

import { For, Show } from "solid-js";
import type { MetricsHistory } from "../../api/types";
import { t } from "../../i18n";
import { decimal, shortDate, shortTime } from "../../i18n/time";
import { cx } from "../../ui/cx";
import { gridSteps, linePath } from "../../ui/line";
import { Panel } from "../../ui/Panel";
import { EmptyState } from "../../ui/States";
import styles from "./dashboard.module.css";
import type { Range } from "./range";

const WIDTH = 800;
const HEIGHT = 100;
const TICKS = 8;

function megabits(values: readonly (number | null)[] | undefined): readonly (number | null)[] {
  return values?.map((value) => (value === null ? null : value / 1_000)) ?? [];
}

export function Traffic(props: { readonly history: MetricsHistory | undefined; readonly range: Range }) {
  const ingest = () => megabits(props.history?.series["ingest_kbps"]);
  const egress = () => megabits(props.history?.series["egress_kbps"]);
  const largest = (): number => Math.max(0, ...[...ingest(), ...egress()].map((value) => value ?? 0));
  const steps = () => gridSteps(largest() * 1.02, 3);
  const top = (): number => steps().at(-1) ?? 1;
  const last = (values: readonly (number | null)[]): number | null => values.findLast((value) => value !== null) ?? null;
  const y = (value: number): string => `${String(100 - (value / top()) * 100)}%`;
  const ticks = (): readonly { readonly at: string; readonly text: string }[] => {
    const times = props.history?.t ?? [];
    const name = props.range === "7d" ? shortDate : shortTime;
    const every = Math.max(1, Math.ceil(times.length / TICKS));
    return times.flatMap((at, place) =>
      place % every === Math.floor(every / 4) ? [{ at: `${String((place / Math.max(1, times.length - 1)) * 100)}%`, text: name(at * 1_000) }] : []);
  };
  /** The labels at the lines' ends, kept apart. */
  const ends = (): { readonly out: number; readonly in: number } => {
    const out = last(egress()) ?? 0;
    const into = last(ingest()) ?? 0;
    const apart = top() * 0.16;
    if (Math.abs(out - into) >= apart) return { out, in: into };
    const middle = (out + into) / 2;
    return out >= into ? { out: middle + apart / 2, in: middle - apart / 2 } : { out: middle - apart / 2, in: middle + apart / 2 };
  };
  const enough = (): boolean => ingest().filter((value) => value !== null).length > 1;
  const summary = (): string => t("dashboard.trafficSpoken", { in: decimal(last(ingest()) ?? 0), out: decimal(last(egress()) ?? 0) });
  return (
    <Panel class={styles["trafficPanel"] ?? ""} title={t("dashboard.traffic")} note={`Mb/s, ${t(`dashboard.last.${props.range}`)}`}>
      <Show when={enough()} fallback={<EmptyState text={t("dashboard.noHistory")} />}>
        <div class={styles["chart"]} role="img" aria-label={summary()}>
          <div class={styles["plot"]} aria-hidden="true">
            <For each={[...steps()]}>
              {(step) => (
                <>
                  <i class={styles["gridline"]} style={{ top: y(step) }} />
                  <span class={styles["yLabel"]} style={{ top: y(step) }}>{decimal(step)}</span>
                </>
              )}
            </For>
            <svg viewBox={`0 0 ${String(WIDTH)} ${String(HEIGHT)}`} preserveAspectRatio="none">
              <path class={styles["ingestArea"]} d={linePath(ingest(), WIDTH, HEIGHT, top()).area} />
              <path class={styles["ingestLine"]} vector-effect="non-scaling-stroke" d={linePath(ingest(), WIDTH, HEIGHT, top()).line} />
              <path class={styles["egressLine"]} vector-effect="non-scaling-stroke" d={linePath(egress(), WIDTH, HEIGHT, top()).line} />
            </svg>
            <For each={[...ticks()]}>{(tick) => <span class={styles["xLabel"]} style={{ left: tick.at }}>{tick.text}</span>}</For>
            <span class={styles["end"]} style={{ top: y(ends().out) }}>{t("dashboard.outEnd", { rate: decimal(last(egress()) ?? 0) })}</span>
            <span class={cx(styles["end"], "t2")} style={{ top: y(ends().in) }}>{t("dashboard.inEnd", { rate: decimal(last(ingest()) ?? 0) })}</span>
          </div>
        </div>
      </Show>
    </Panel>
  );
}
