/** The table of devices. Only the rows in view exist, so that hundreds scroll as smoothly as ten. */

import { A } from "@solidjs/router";
import { ArrowDown, ArrowUp } from "lucide-solid";
import { For, Show } from "solid-js";
import { sentence, t } from "../../i18n";
import { decimal, duration, megabits, milliseconds } from "../../i18n/time";
import { cx } from "../../ui/cx";
import { StatusGlyph } from "../../ui/Status";
import { createWindow } from "../../ui/virtual";
import styles from "./devices.module.css";
import { COLUMNS, groupOf, isRecording, type Column, type Row, type Sort } from "./rows";

interface DeviceTableProps {
  readonly rows: readonly Row[];
  readonly sort: Sort;
  readonly onSort: (by: Column) => void;
  readonly selected: ReadonlySet<string>;
  readonly onSelect: (ids: ReadonlySet<string>) => void;
  readonly selectable: boolean;
  /** Keeps the rest of the address when a row is opened. */
  readonly search: string;
}

const ROW = 44;
const PHONE_ROW = 64;

function lastFrame(row: Row): string {
  const age = row.stream?.metrics.last_frame_age_ms ?? null;
  if (age === null || row.status === "off") return "";
  return age < 2_000 ? milliseconds(Math.round(age)) : duration(age);
}

/** What the row says instead of figures when there are none. */
function why(row: Row): string {
  if (!row.stream || row.status === "off") return t("devices.stopped");
  return row.stream.state === "LIVE" ? "" : sentence(row.stream.state_reason?.text ?? "");
}

function Cells(props: { readonly row: Row }) {
  const video = () => props.row.stream?.codec_config.video;
  const metrics = () => props.row.stream?.metrics;
  const live = (): boolean => props.row.stream?.state === "LIVE";
  return (
    <>
      <span role="cell" class={cx(styles["group"], "ellipsis", "t2")}>{groupOf(props.row.device)}</span>
      <Show
        when={live()}
        fallback={<span role="cell" aria-colspan="4" class={cx(styles["why"], "ellipsis")} title={why(props.row)}>{why(props.row)}</span>}
      >
        <span role="cell" class={cx(styles["codec"], "ellipsis")}>
          {video()?.codec} <span class="t3">{video() ? `${String(video()?.width)}×${String(video()?.height)}` : ""}</span>
        </span>
        <span role="cell" class={cx(styles["number"], styles["fps"])}>{decimal(metrics()?.fps ?? 0)}</span>
        <span role="cell" class={cx(styles["number"], styles["rate"])}>{megabits(metrics()?.bitrate_kbps ?? 0)}</span>
        <span role="cell" class={cx(styles["number"], styles["keyframe"])}>
          <Show when={metrics()?.keyframe_interval_s}>{(seconds) => <>{decimal(seconds())} s</>}</Show>
        </span>
      </Show>
      <span role="cell" class={styles["recording"]}>
        <Show when={isRecording(props.row)} fallback={<span class="t3">{t("devices.recordingOff")}</span>}>
          <span class={styles["recDot"]} aria-hidden="true" />
          {t("devices.recordingOn")}
        </Show>
      </span>
      <span role="cell" class={cx(styles["number"], styles["last"])}>{lastFrame(props.row)}</span>
    </>
  );
}

export function DeviceTable(props: DeviceTableProps) {
  const height = window.matchMedia("(max-width: 700px)").matches ? PHONE_ROW : ROW;
  const view = createWindow(() => props.rows.length, () => height);
  const all = (): boolean => props.rows.length > 0 && props.rows.every((row) => props.selected.has(row.device.id));
  const toggleAll = (): void => props.onSelect(all() ? new Set() : new Set(props.rows.map((row) => row.device.id)));
  const toggle = (id: string): void => {
    const next = new Set(props.selected);
    if (!next.delete(id)) next.add(id);
    props.onSelect(next);
  };
  return (
    <div class={cx(styles["table"], props.selectable && styles["selectable"])} role="table" aria-label={t("devices.title")} aria-rowcount={props.rows.length + 1}>
      <div role="rowgroup">
        <div class={cx(styles["row"], styles["header"])} role="row" aria-rowindex="1">
          <Show when={props.selectable}>
            <span role="columnheader" class={styles["check"]}>
              <input type="checkbox" checked={all()} onChange={toggleAll} aria-label={t("devices.selectAll")} />
            </span>
          </Show>
          <For each={COLUMNS}>
            {(column) => (
              <span role="columnheader" class={styles[column + "Head"]} aria-sort={props.sort.by === column ? (props.sort.down ? "descending" : "ascending") : "none"}>
                <button type="button" class={styles["sort"]} onClick={() => props.onSort(column)}>
                  <span class={column === "status" ? "visually-hidden" : undefined}>{t(`devices.col.${column}`)}</span>
                  <Show when={props.sort.by === column}>{props.sort.down ? <ArrowDown size={13} /> : <ArrowUp size={13} />}</Show>
                </button>
              </span>
            )}
          </For>
        </div>
      </div>
      <div class={styles["scroller"]} ref={view.ref} role="rowgroup" tabIndex={0} aria-label={t("devices.title")}>
        <div class={styles["canvas"]} style={{ height: `${String(view.total())}px` }} role="presentation">
          <For each={[...view.places()]}>
            {(place) => (
              <Show when={props.rows[place]}>
                {(row) => (
                  <div
                    class={cx(styles["row"], styles["body"])}
                    role="row"
                    aria-rowindex={place + 2}
                    data-device-id={row().device.id}
                    style={{ transform: `translateY(${String(place * height)}px)` }}
                  >
                    <Show when={props.selectable}>
                      <span role="cell" class={styles["check"]}>
                        <input
                          type="checkbox"
                          checked={props.selected.has(row().device.id)}
                          onChange={() => toggle(row().device.id)}
                          aria-label={t("devices.selectOne", { name: row().device.name })}
                        />
                      </span>
                    </Show>
                    <span role="cell" class={styles["status"]}><StatusGlyph status={row().status} size={11} /></span>
                    <span role="cell" class={cx(styles["name"], "ellipsis")}>
                      <A href={`/devices/${row().device.id}${props.search}`}>{row().device.name}</A>
                    </span>
                    <Cells row={row()} />
                  </div>
                )}
              </Show>
            )}
          </For>
        </div>
      </div>
    </div>
  );
}
