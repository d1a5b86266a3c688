/** How much of the range was recorded, camera by camera, the worst first. */

import { A } from "@solidjs/router";
import { For, Show } from "solid-js";
import type { Device, Stream, TimelineLane } from "../../api/types";
import { t } from "../../i18n";
import { clipLength, percent, shortDate, shortTime } from "../../i18n/time";
import { Panel } from "../../ui/Panel";
import { EmptyState, QueryStates } from "../../ui/States";
import { coverageOf, type Coverage } from "./coverage";
import styles from "./dashboard.module.css";
import { useCoverage, type CoverageData } from "./queries";
import type { Range } from "./range";

const SHOWN = 14;
/** Marks of events in one lane: more would be a block. */
const MARKS = 60;

interface Row {
  readonly stream: Stream;
  readonly lane: TimelineLane;
  readonly coverage: Coverage;
}

function rowsOf(data: CoverageData, streams: readonly Stream[], devices: readonly Device[] | undefined): readonly Row[] {
  const byId = new Map(streams.map((stream) => [stream.id, stream]));
  const addedAt = new Map(devices?.map((device) => [device.id, Date.parse(device.created_at)]));
  const rows = data.lanes.flatMap((lane): Row[] => {
    const stream = byId.get(lane.stream_id);
    if (!stream) return [];
    const first = lane.ranges[0]?.[0] ?? data.start;
    // A camera that was added, or first recorded, within the range has nothing to show for the time before.
    const since = Math.max(addedAt.get(stream.device_id) ?? data.start, Math.min(first, data.end));
    return [{ stream, lane, coverage: coverageOf(lane, data.start, data.end, since) }];
  });
  return rows.sort((a, b) => (a.coverage.share ?? 2) - (b.coverage.share ?? 2));
}

function Lane(props: { readonly row: Row; readonly data: CoverageData }) {
  const span = (): number => props.data.end - props.data.start;
  const at = (ms: number): string => `${String(((ms - props.data.start) / span()) * 100)}%`;
  const width = (start: number, end: number): string => `${String(((end - start) / span()) * 100)}%`;
  const from = (): number => Math.max(props.data.start, props.row.lane.ranges[0]?.[0] ?? props.data.end);
  const marks = (): readonly number[] =>
    [...props.row.lane.events.map((event) => event.at), ...props.row.lane.bookmarks.map((bookmark) => bookmark.at)].slice(-MARKS);
  return (
    <span class={styles["lane"]}>
      <i class={styles["laneRec"]} style={{ left: at(from()), width: width(from(), props.data.end) }} />
      <For each={props.row.coverage.gaps}>
        {(gap) => (
          <i
            class={styles["laneGap"]}
            style={{ left: at(gap.start), width: width(gap.start, gap.end) }}
            title={t("dashboard.gap", { time: shortTime(gap.start), length: clipLength(gap.end - gap.start) })}
          />
        )}
      </For>
      <For each={marks()}>{(mark) => <i class={styles["laneMark"]} style={{ left: at(mark) }} />}</For>
    </span>
  );
}

interface CoveragePanelProps {
  readonly streams: readonly Stream[];
  readonly devices: readonly Device[] | undefined;
  readonly range: Range;
}

export function CoveragePanel(props: CoveragePanelProps) {
  const coverage = useCoverage(() => props.streams.map((stream) => stream.id), () => props.range);
  const ticks = (data: CoverageData): readonly string[] => {
    const name = props.range === "7d" ? shortDate : shortTime;
    return [0.02, 0.25, 0.5, 0.75].map((part) => name(data.start + part * (data.end - data.start)));
  };
  return (
    <Panel
      title={t("dashboard.coverage")}
      note={t(`dashboard.last.${props.range}`)}
      tools={<A href="/recordings">{t("dashboard.allOf", { count: props.streams.length })}</A>}
    >
      <QueryStates query={coverage} rows={8} isEmpty={(data) => data.lanes.length === 0} empty={<EmptyState text={t("dashboard.noRecordings")} />}>
        {(data) => (
          <div class={styles["coverage"]}>
            <ul class={styles["plain"]}>
              <For each={rowsOf(data(), props.streams, props.devices).slice(0, SHOWN)}>
                {(row) => (
                  <li class={styles["coverageRow"]}>
                    <A href={`/recordings/${row.stream.id}`} class="ellipsis">{row.stream.name}</A>
                    <Show when={row.coverage.share !== null} fallback={<span class={styles["laneNone"]} />}>
                      <Lane row={row} data={data()} />
                    </Show>
                    <span class={row.coverage.share === null ? "t3" : "t2"}>
                      {row.coverage.share === null ? t("dashboard.off") : percent(row.coverage.share)}
                    </span>
                  </li>
                )}
              </For>
            </ul>
            <div class={styles["axis"]} aria-hidden="true">
              <For each={[...ticks(data())]}>{(tick) => <span>{tick}</span>}</For>
              <span>{t("dashboard.now")}</span>
            </div>
          </div>
        )}
      </QueryStates>
    </Panel>
  );
}
