/** One small multiple: its name, its newest value or that under the cursor, and its line. */

import { createSignal, For, Show } from "solid-js";
import type { MetricsHistory } from "../../api/types";
import { t } from "../../i18n";
import { shortTime } from "../../i18n/time";
import { Chart, type ChartSeries } from "../../ui/Chart";
import { Panel } from "../../ui/Panel";
import { EmptyState } from "../../ui/States";
import styles from "./analytics.module.css";

export interface Line {
  /** Of the history. */
  readonly metric: string;
  readonly label: string;
  readonly color: ChartSeries["color"];
  readonly fill?: boolean;
}

export interface MultipleProps {
  readonly title: string;
  readonly lines: readonly Line[];
  readonly history: MetricsHistory;
  /** From the history's unit to the chart's. */
  readonly scale?: number;
  readonly show: (value: number) => string;
  readonly max?: number;
}

export function Multiple(props: MultipleProps) {
  const [cursor, setCursor] = createSignal<number | null>(null);
  const values = (line: Line): readonly (number | null)[] =>
    (props.history.series[line.metric] ?? []).map((value) => (value === null ? null : value * (props.scale ?? 1)));
  const shown = (line: Line): string => {
    const all = values(line);
    const at = cursor();
    const value = at === null ? all.findLast((one) => one !== null) : all[at];
    return value === null || value === undefined ? "–" : props.show(value);
  };
  const time = (): string => {
    const at = cursor();
    const seconds = at === null ? undefined : props.history.t[at];
    return seconds === undefined ? "" : shortTime(seconds * 1_000);
  };
  const enough = (): boolean => props.lines.some((line) => values(line).filter((value) => value !== null).length > 1);
  return (
    <Panel
      title={props.title}
      tools={
        <span class={styles["values"]}>
          <span class="t3">{time()}</span>
          <For each={props.lines}>
            {(line) => (
              <span>
                <Show when={props.lines.length > 1}><span class="t3">{line.label} </span></Show>
                <b>{shown(line)}</b>
              </span>
            )}
          </For>
        </span>
      }
    >
      <Show when={enough()} fallback={<EmptyState text={t("analytics.none")} />}>
        <div class={styles["plot"]}>
          <Chart
            label={`${props.title}: ${props.lines.map((line) => `${line.label} ${shown(line)}`).join(", ")}`}
            group="analytics"
            times={props.history.t}
            series={props.lines.map((line) => ({ label: line.label, values: values(line), color: line.color, fill: line.fill ?? false }))}
            onCursor={setCursor}
            {...(props.max === undefined ? {} : { max: props.max })}
          />
        </div>
      </Show>
    </Panel>
  );
}
