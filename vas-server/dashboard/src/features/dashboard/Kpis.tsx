/** The strip of figures: cameras, viewers, ingest, storage, server. */

import { useQuery } from "@tanstack/solid-query";
import { Show, type JSX } from "solid-js";
import { call } from "../../api/client";
import type { MetricsHistory, SystemResources, SystemStats } from "../../api/types";
import { t } from "../../i18n";
import { bytes, decimal, duration, megabits, percent } from "../../i18n/time";
import { cx } from "../../ui/cx";
import { Sparkline } from "../../ui/Sparkline";
import { StatusGlyph } from "../../ui/Status";
import styles from "./dashboard.module.css";
import type { Counts } from "./summary";

interface KpisProps {
  readonly counts: Counts;
  readonly loss: number | null;
  readonly stats: SystemStats | undefined;
  readonly resources: SystemResources | undefined;
  readonly history: MetricsHistory | undefined;
}

interface KpiProps {
  readonly label: JSX.Element;
  readonly value: string;
  readonly unit: string;
  readonly below?: JSX.Element;
  readonly series?: readonly (number | null)[] | undefined;
  readonly wide?: boolean;
  readonly children?: JSX.Element;
}

function Kpi(props: KpiProps) {
  return (
    <div class={cx(styles["kpi"], props.wide && styles["wide"])}>
      <span class={styles["kpiLabel"]}>{props.label}</span>
      <span class={styles["kpiValue"]}>
        {props.value}
        <small>{props.unit}</small>
      </span>
      <span class={styles["spark"]}>
        <Show when={(props.series?.length ?? 0) > 2}>
          <Sparkline values={props.series ?? []} fill />
        </Show>
      </span>
      {props.children}
      <span class={styles["kpiBelow"]}>{props.below}</span>
    </div>
  );
}

/** How full the store is, and how long it lasts (`/api/v1/recordings/plan`). */
interface Plan {
  readonly bytes: number;
  readonly bytes_left: number | null;
  readonly days_left: number | null;
  readonly days_kept: number | null;
}

const DAY = 86_400_000;

function StorageKpi(props: { readonly recorded: number | null; readonly free: number | null }) {
  const plan = useQuery(() => ({
    queryKey: ["plan"],
    queryFn: ({ signal }) => call<Plan>("/api/v1/recordings/plan", { signal }),
    refetchInterval: 60_000,
  }));
  const used = (): number => plan.data?.bytes ?? props.recorded ?? 0;
  const total = (): number => used() + (plan.data?.bytes_left ?? props.free ?? 0);
  const ofTotal = (): string => t("dashboard.ofTotal", { used: bytes(used()), total: bytes(total()) });
  const days = (): number | null => plan.data?.days_kept ?? null;
  const below = (): string => {
    const left = plan.data?.days_left ?? null;
    return left === null ? t("dashboard.roomEnough") : t("dashboard.fullIn", { time: duration(left * DAY) });
  };
  return (
    <Kpi
      wide
      label={
        <>
          {t("dashboard.storage")}
          <span class={styles["space"]} />
          <Show when={total() > 0}>
            <span class="t3">{ofTotal()}</span>
          </Show>
        </>
      }
      value={days() === null ? bytes(used()) : decimal(days() ?? 0)}
      unit={days() === null ? t("dashboard.recorded") : t("dashboard.daysKept")}
      below={below()}
    >
      <span class={styles["bar"]} role="img" aria-label={ofTotal()}>
        <i style={{ width: `${String(total() > 0 ? (used() / total()) * 100 : 0)}%` }} />
      </span>
    </Kpi>
  );
}

function last(values: readonly (number | null)[] | undefined): number | null {
  return values?.findLast((value) => value !== null) ?? null;
}

export function Kpis(props: KpisProps) {
  const series = (name: string) => props.history?.series[name];
  const counts = (): Counts => props.counts;
  const egress = (): number | null => last(series("egress_kbps"));
  const memory = (): string => {
    const { memory } = props.resources ?? {};
    const uptime = props.stats ? t("dashboard.up", { time: duration(props.stats.uptime_seconds * 1_000) }) : "";
    if (!memory?.process_bytes || !memory.total_bytes) return uptime;
    return `${t("dashboard.ofTotal", { used: bytes(memory.process_bytes), total: bytes(memory.total_bytes) })} · ${uptime}`;
  };
  return (
    <section class={styles["kpis"]} aria-label={t("dashboard.system")}>
      <Kpi
        label={t("dashboard.cameras")}
        value={decimal(counts().live, 0)}
        unit={t("dashboard.ofLive", { total: counts().total })}
        below={
          <>
            <span><StatusGlyph status="ok" silent />{t("dashboard.healthy", { n: counts().healthy })}</span>
            <Show when={counts().degraded + counts().connecting > 0}>
              <span><StatusGlyph status="warn" />{counts().degraded + counts().connecting}</span>
            </Show>
            <Show when={counts().failed + counts().password > 0}>
              <span><StatusGlyph status="bad" />{counts().failed + counts().password}</span>
            </Show>
          </>
        }
      />
      <Kpi
        label={t("dashboard.watching")}
        value={decimal(props.stats?.consumers ?? 0, 0)}
        unit={t("dashboard.viewers", { n: props.stats?.consumers ?? 0 })}
        series={series("viewers")}
        below={egress() === null ? "" : t("dashboard.out", { rate: megabits(egress() ?? 0) })}
      />
      <Kpi
        label={t("dashboard.ingest")}
        value={megabits(props.stats?.ingest_kbps ?? 0)}
        unit="Mb/s"
        series={series("ingest_kbps")}
        below={props.loss === null ? "" : t("dashboard.loss", { share: percent(props.loss, 2) })}
      />
      <StorageKpi recorded={last(series("recording_bytes"))} free={last(series("disk_free"))} />
      <Kpi
        label={t("dashboard.server")}
        value={decimal(props.resources?.cpu.percent ?? 0, 0)}
        unit={t("dashboard.cpu")}
        series={series("cpu")}
        below={memory()}
      />
    </section>
  );
}
