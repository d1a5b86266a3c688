/** `/`: what an operator has to know at a glance. */

import { A, useSearchParams } from "@solidjs/router";
import { Plus } from "lucide-solid";
import { createMemo, Show } from "solid-js";
import { useDevices, useStreams } from "../../api/queries";
import { can } from "../../api/session";
import type { Stream } from "../../api/types";
import { t } from "../../i18n";
import { PageHead } from "../../ui/PageHead";
import { Seg } from "../../ui/Seg";
import { EmptyState, QueryStates } from "../../ui/States";
import { ActivityPanel } from "./ActivityPanel";
import { Attention } from "./Attention";
import { CoveragePanel } from "./CoveragePanel";
import styles from "./dashboard.module.css";
import { Favourites } from "./Favourites";
import { Kpis } from "./Kpis";
import { useHistory, useResources, useStats } from "./queries";
import { rangeOf } from "./range";
import { countsOf, firstSentence, secondSentence } from "./summary";
import { Traffic } from "./Traffic";

function AddCamera() {
  return (
    <Show when={can("streams:write")}>
      <A href="/devices?add=1" class={styles["addButton"]}>
        <Plus size={16} />
        {t("devices.add")}
      </A>
    </Show>
  );
}

function Overview(props: { readonly streams: readonly Stream[] }) {
  const [search, setSearch] = useSearchParams();
  const range = createMemo(() => rangeOf(search["range"]));
  const devices = useDevices();
  const stats = useStats();
  const resources = useResources();
  const history = useHistory(range);
  const recorded = createMemo(() => new Set(devices.data?.filter((device) => device.recording?.active).map((device) => device.id)));
  const counts = createMemo(() => countsOf(props.streams, (stream) => stream.recording ?? recorded().has(stream.device_id)));
  const loss = (): number | null => {
    const live = props.streams.filter((stream) => stream.state === "LIVE");
    return live.length === 0 ? null : live.reduce((sum, stream) => sum + stream.metrics.packet_loss, 0) / live.length;
  };
  return (
    <div class={styles["wrap"]}>
      <div class={styles["lead"]}>
        <p role="status">
          {firstSentence(counts())} <span>{secondSentence(counts())}</span>
        </p>
        <div class={styles["leadTools"]}>
          <Seg
            label={t("dashboard.range")}
            value={range()}
            options={[{ value: "1h", label: t("dashboard.1h") }, { value: "24h", label: t("dashboard.24h") }, { value: "7d", label: t("dashboard.7d") }]}
            onChange={(value) => setSearch({ range: value === "24h" ? null : value }, { replace: true })}
          />
          <AddCamera />
        </div>
      </div>
      <Kpis counts={counts()} loss={loss()} stats={stats.data} resources={resources.data} history={history.data} />
      <div class={styles["left"]}>
        <Attention />
        <Favourites streams={props.streams} />
        <Traffic history={history.data} range={range()} />
      </div>
      <div class={styles["right"]}>
        <CoveragePanel streams={props.streams} devices={devices.data} range={range()} />
        <ActivityPanel />
      </div>
    </div>
  );
}

export default function Dashboard() {
  const streams = useStreams();
  return (
    <>
      <PageHead title={t("dashboard.title")} />
      <QueryStates
        query={streams}
        rows={8}
        isEmpty={(data) => data.length === 0}
        empty={<EmptyState text={t("devices.none")} action={<AddCamera />} />}
      >
        {(data) => <Overview streams={data()} />}
      </QueryStates>
    </>
  );
}
