/** What needs a person: alerts of the server, each with what to do about it. */

import { A } from "@solidjs/router";
import { createSignal, For, Show } from "solid-js";
import { call } from "../../api/client";
import { serverNow } from "../../api/clock";
import { useAlerts, useStreams } from "../../api/queries";
import { remedyOf } from "../../api/reasons";
import { can } from "../../api/session";
import type { Alert, Stream } from "../../api/types";
import { sentence, t } from "../../i18n";
import { duration } from "../../i18n/time";
import { Button } from "../../ui/Button";
import { Panel } from "../../ui/Panel";
import { EmptyState, QueryStates, sentenceOf } from "../../ui/States";
import { StatusGlyph, statusOf, type Status } from "../../ui/Status";
import { toast } from "../../ui/toast";
import styles from "./dashboard.module.css";

/** Alerts that are shown before "All alerts". */
const SHOWN = 5;

function Row(props: { readonly alert: Alert; readonly stream: Stream | undefined }) {
  const [busy, setBusy] = createSignal(false);
  const status = (): Status => {
    const stream = props.stream;
    if (stream && stream.state !== "LIVE") return statusOf(stream);
    return props.alert.severity === "critical" ? "bad" : "warn";
  };
  const why = (): string => {
    const stream = props.stream;
    const retry = stream?.next_retry_at ? Date.parse(stream.next_retry_at) - serverNow() : null;
    if (props.alert.code !== "CAMERA_ERROR" || !stream || retry === null || retry < 0) return sentence(props.alert.text);
    return `${sentence(props.alert.text)}. ${t("dashboard.attempt", { n: stream.attempt ?? 1, seconds: Math.ceil(retry / 1_000) })}`;
  };
  const reconnect = async (stream: Stream): Promise<void> => {
    setBusy(true);
    try {
      await call(`/api/v1/rtsp/streams/${stream.id}/reconnect`, { method: "POST" });
    } catch (error) {
      toast({ text: sentenceOf(error), kind: "bad" });
    } finally {
      setBusy(false);
    }
  };
  const remedy = (): "password" | "address" | "wait" => remedyOf(props.stream?.state_reason?.code ?? "");
  const device = (): string => `/devices/${props.alert.device_id ?? ""}`;
  return (
    <li class={styles["attention"]}>
      <StatusGlyph status={status()} size={11} />
      <Show when={props.alert.device_id} fallback={<b>{t("alerts.server")}</b>}>
        <A href={device()} class="ellipsis">{props.alert.name}</A>
      </Show>
      <span class={styles["why"]} title={props.alert.action ?? undefined}>{why()}</span>
      <time class={styles["ago"]}>{duration(serverNow() - Date.parse(props.alert.since))}</time>
      <Show when={props.alert.device_id && can("streams:write")}>
        <Show
          when={props.alert.code === "CAMERA_ERROR" && remedy() === "wait" ? props.stream : undefined}
          fallback={<A href={`${device()}?edit=1`} class={styles["smallButton"]}>{remedy() === "password" ? t("dashboard.updatePassword") : t("dashboard.showHow")}</A>}
        >
          {(stream) => <Button size="small" busy={busy()} onClick={() => void reconnect(stream())}>{t("dashboard.retryNow")}</Button>}
        </Show>
      </Show>
    </li>
  );
}

export function Attention() {
  const [all, setAll] = createSignal(false);
  const alerts = useAlerts();
  const streams = useStreams();
  const streamOf = (alert: Alert): Stream | undefined => streams.data?.find((stream) => stream.id === alert.stream_id);
  return (
    <Panel
      class={styles["attentionPanel"] ?? ""}
      title={t("dashboard.attention")}
      note={alerts.data?.open}
      tools={
        <Show when={(alerts.data?.alerts.length ?? 0) > SHOWN}>
          <button type="button" class={styles["textButton"]} onClick={() => setAll((value) => !value)}>
            {all() ? t("dashboard.fewer") : t("alerts.all")}
          </button>
        </Show>
      }
    >
      <QueryStates query={alerts} isEmpty={(data) => data.alerts.length === 0} empty={<EmptyState text={t("dashboard.allWell")} />}>
        {(data) => (
          <ul class={styles["plain"]}>
            <For each={data().alerts.slice(0, all() ? undefined : SHOWN)}>{(alert) => <Row alert={alert} stream={streamOf(alert)} />}</For>
          </ul>
        )}
      </QueryStates>
    </Panel>
  );
}
