/** `/analytics`: how the system and each camera did. */

import { useSearchParams } from "@solidjs/router";
import { useQuery } from "@tanstack/solid-query";
import { createMemo, For, Show } from "solid-js";
import { call } from "../../api/client";
import { serverTime } from "../../api/clock";
import { useAlerts, useStreams } from "../../api/queries";
import type { Alert, MetricsHistory } from "../../api/types";
import { t } from "../../i18n";
import { bytes, decimal, percent, timeOrDay } from "../../i18n/time";
import { Select } from "../../ui/fields";
import { PageHead } from "../../ui/PageHead";
import { Panel } from "../../ui/Panel";
import { Seg } from "../../ui/Seg";
import { EmptyState, QueryStates } from "../../ui/States";
import { StatusGlyph } from "../../ui/Status";
import styles from "./analytics.module.css";
import { Multiple, type MultipleProps } from "./Multiple";

const HOUR = 3_600_000;
const RANGES = { "1h": HOUR, "24h": 24 * HOUR, "7d": 7 * 24 * HOUR, "30d": 30 * 24 * HOUR } as const;
type Range = keyof typeof RANGES;

type Description = Omit<MultipleProps, "history">;

const mbits = (value: number): string => `${decimal(value)} Mb/s`;
const share = (value: number): string => percent(value / 100);

function ofSystem(): readonly Description[] {
  return [
    {
      title: t("analytics.traffic"),
      lines: [
        { metric: "egress_kbps", label: t("analytics.out"), color: "--t1" },
        { metric: "ingest_kbps", label: t("analytics.in"), color: "--rec", fill: true },
      ],
      scale: 0.001,
      show: mbits,
    },
    { title: t("analytics.cpu"), lines: [{ metric: "cpu", label: t("analytics.cpu"), color: "--t1", fill: true }], show: share, max: 100 },
    { title: t("analytics.memory"), lines: [{ metric: "memory", label: t("analytics.memory"), color: "--t1", fill: true }], scale: 1e-6, show: (value) => bytes(value * 1e6) },
    { title: t("analytics.viewers"), lines: [{ metric: "viewers", label: t("analytics.viewers"), color: "--t1", fill: true }], show: (value) => decimal(value, 0) },
    { title: t("analytics.live"), lines: [{ metric: "streams_live", label: t("analytics.live"), color: "--t1", fill: true }], show: (value) => decimal(value, 0) },
    {
      title: t("analytics.disk"),
      lines: [
        { metric: "recording_bytes", label: t("analytics.recorded"), color: "--rec", fill: true },
        { metric: "disk_free", label: t("analytics.free"), color: "--t1" },
      ],
      scale: 1e-9,
      show: (value) => bytes(value * 1e9),
    },
  ];
}

function ofCamera(): readonly Description[] {
  return [
    { title: t("analytics.rate"), lines: [{ metric: "ingest_kbps", label: t("analytics.in"), color: "--rec", fill: true }], scale: 0.001, show: mbits },
    { title: t("analytics.fps"), lines: [{ metric: "fps", label: t("analytics.fps"), color: "--t1", fill: true }], show: (value) => decimal(value) },
    { title: t("analytics.loss"), lines: [{ metric: "loss", label: t("analytics.loss"), color: "--t1", fill: true }], scale: 100, show: (value) => percent(value / 100, 2) },
    { title: t("analytics.uptime"), lines: [{ metric: "live", label: t("analytics.uptime"), color: "--t1", fill: true }], scale: 100, show: share, max: 100 },
    { title: t("analytics.viewers"), lines: [{ metric: "viewers", label: t("analytics.viewers"), color: "--t1", fill: true }], show: (value) => decimal(value, 0) },
  ];
}

/** Alerts of the last days, by what they were about. */
function AlertCounts() {
  const alerts = useAlerts(() => true);
  const groups = (all: readonly Alert[]): readonly { readonly code: string; readonly alerts: readonly Alert[] }[] => {
    const found = new Map<string, Alert[]>();
    for (const alert of all) found.set(alert.code, [...(found.get(alert.code) ?? []), alert]);
    return [...found].map(([code, list]) => ({ code, alerts: list })).sort((a, b) => b.alerts.length - a.alerts.length);
  };
  const words = (code: string): string => (code.charAt(0) + code.slice(1).toLowerCase()).replaceAll("_", " ");
  return (
    <Panel title={t("analytics.alerts")} note={t("analytics.lastWeek")}>
      <QueryStates query={alerts} isEmpty={(data) => data.alerts.length === 0} empty={<EmptyState text={t("analytics.noAlerts")} />}>
        {(data) => (
          <table class={styles["table"]}>
            <thead>
              <tr>
                <th scope="col">{t("analytics.kind")}</th>
                <th scope="col" class={styles["number"]}>{t("analytics.number")}</th>
                <th scope="col">{t("analytics.cameras")}</th>
                <th scope="col" class={styles["number"]}>{t("analytics.newest")}</th>
              </tr>
            </thead>
            <tbody>
              <For each={[...groups(data().alerts)]}>
                {(group) => (
                  <tr>
                    <td><StatusGlyph status={group.alerts.some((alert) => alert.severity === "critical") ? "bad" : "warn"} silent /> {words(group.code)}</td>
                    <td class={styles["number"]}>{group.alerts.length}</td>
                    <td class={styles["names"]}>{[...new Set(group.alerts.map((alert) => alert.name ?? t("alerts.server")))].slice(0, 6).join(", ")}</td>
                    <td class={styles["number"]}>{timeOrDay(group.alerts[0]?.since ?? "", serverTime())}</td>
                  </tr>
                )}
              </For>
            </tbody>
          </table>
        )}
      </QueryStates>
    </Panel>
  );
}

export default function Analytics() {
  const [search, setSearch] = useSearchParams();
  const range = createMemo((): Range => {
    const wanted = search["range"];
    return typeof wanted === "string" && wanted in RANGES ? (wanted as Range) : "24h";
  });
  const camera = (): string => (typeof search["camera"] === "string" ? search["camera"] : "");
  const streams = useStreams();
  const history = useQuery(() => ({
    queryKey: ["history", camera(), range(), "analytics"],
    queryFn: ({ signal }) => {
      const end = serverTime();
      const query = { stream_id: camera() || null, start: Math.floor(end - RANGES[range()]), end: Math.floor(end) };
      return call<MetricsHistory>("/v2/metrics/history", { query, signal });
    },
    refetchInterval: range() === "1h" ? 10_000 : 60_000,
  }));
  const options = () => [
    { value: "all", label: t("analytics.system") },
    ...(streams.data ?? []).map((stream) => ({ value: stream.id, label: stream.name })),
  ];
  return (
    <div class={styles["page"]}>
      <PageHead title={t("analytics.title")} />
      <div class={styles["tools"]}>
        <Select class={styles["camera"] ?? ""} label={t("analytics.what")} hideLabel value={camera() || "all"} options={options()} onChange={(value) => setSearch({ camera: value === "all" ? null : value }, { replace: true })} />
        <Seg
          label={t("dashboard.range")}
          value={range()}
          options={[
            { value: "1h", label: t("dashboard.1h") },
            { value: "24h", label: t("dashboard.24h") },
            { value: "7d", label: t("dashboard.7d") },
            { value: "30d", label: t("analytics.30d") },
          ]}
          onChange={(value) => setSearch({ range: value === "24h" ? null : value }, { replace: true })}
        />
      </div>
      <QueryStates query={history} rows={8}>
        {(data) => (
          <div class={styles["grid"]}>
            <For each={[...(camera() === "" ? ofSystem() : ofCamera())]}>{(one) => <Multiple {...one} history={data()} />}</For>
          </div>
        )}
      </QueryStates>
      <Show when={camera() === ""}>
        <AlertCounts />
      </Show>
    </div>
  );
}
