/** What happened lately. */

import { A } from "@solidjs/router";
import { Bookmark, Camera, LogIn, RefreshCw, TriangleAlert, WifiOff } from "lucide-solid";
import { createSignal, For, Show } from "solid-js";
import { Dynamic } from "solid-js/web";
import { serverNow } from "../../api/clock";
import type { Activity } from "../../api/types";
import { sentence, t } from "../../i18n";
import { timeOrDay } from "../../i18n/time";
import type { IconType } from "../../ui/Button";
import { Panel } from "../../ui/Panel";
import { EmptyState, QueryStates } from "../../ui/States";
import styles from "./dashboard.module.css";
import { useActivity } from "./queries";

const FEW = 8;
const MANY = 100;

function iconOf(item: Activity): IconType {
  switch (item.type) {
    case "bookmark":
      return Bookmark;
    case "snapshot":
      return Camera;
    case "sign_in":
      return LogIn;
    case "alert":
      return TriangleAlert;
    case "state":
      return item.data["to"] === "ERROR" ? WifiOff : RefreshCw;
  }
}

/** The page that shows more of it. */
function pathOf(item: Activity): string | null {
  const at = String(Date.parse(item.at));
  if (item.type === "bookmark" && item.stream_id) return `/recordings/${item.stream_id}?t=${at}`;
  if (item.type === "snapshot") return `/snapshots?id=${String(item.data["snapshot_id"] ?? "")}`;
  return item.device_id ? `/devices/${item.device_id}` : null;
}

function Row(props: { readonly item: Activity }) {
  return (
    <li class={styles["activity"]}>
      <time class="t3" dateTime={props.item.at}>{timeOrDay(props.item.at, serverNow())}</time>
      <Dynamic component={iconOf(props.item)} size={15} class="t3" />
      <span class="ellipsis" title={props.item.text}>
        <Show when={props.item.name && !props.item.text.includes(props.item.name)}>
          <b>{props.item.name} </b>
        </Show>
        <Show when={pathOf(props.item)} fallback={sentence(props.item.text)}>
          {(path) => <A href={path()}>{sentence(props.item.text)}</A>}
        </Show>
      </span>
      <span class="t3">{props.item.by}</span>
    </li>
  );
}

export function ActivityPanel() {
  const [limit, setLimit] = createSignal(FEW);
  const activity = useActivity(limit);
  return (
    <Panel
      class={styles["activityPanel"] ?? ""}
      title={t("dashboard.activity")}
      tools={
        <Show when={activity.data?.next_cursor && limit() === FEW}>
          <button type="button" class={styles["textButton"]} onClick={() => setLimit(MANY)}>{t("dashboard.everything")}</button>
        </Show>
      }
    >
      <QueryStates query={activity} rows={6} isEmpty={(data) => data.items.length === 0} empty={<EmptyState text={t("dashboard.nothingYet")} />}>
        {(data) => (
          <ul class={styles["activityList"]}>
            <For each={data().items}>{(item) => <Row item={item} />}</For>
          </ul>
        )}
      </QueryStates>
    </Panel>
  );
}
