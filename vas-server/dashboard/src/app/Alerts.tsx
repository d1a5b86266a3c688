/** The bell: what needs attention, with a way to each camera. */

import { A } from "@solidjs/router";
import { useMutation, useQueryClient } from "@tanstack/solid-query";
import { Bell } from "lucide-solid";
import { createSignal, For, Show } from "solid-js";
import { call } from "../api/client";
import { serverNow } from "../api/clock";
import { keys, useAlerts } from "../api/queries";
import type { Alert } from "../api/types";
import { sentence, t } from "../i18n";
import { duration } from "../i18n/time";
import { Button } from "../ui/Button";
import { Popover } from "../ui/Popover";
import { EmptyState, QueryStates, sentenceOf } from "../ui/States";
import { StatusGlyph } from "../ui/Status";
import { toast } from "../ui/toast";
import styles from "./Alerts.module.css";
import shell from "./Shell.module.css";

function AlertRow(props: { readonly alert: Alert; readonly onGo: () => void }) {
  const client = useQueryClient();
  const acknowledge = useMutation(() => ({
    mutationFn: (id: string) => call<Alert>(`/v2/alerts/${id}/ack`, { method: "POST" }),
    onSuccess: () => client.invalidateQueries({ queryKey: keys.alerts }),
    onError: (error) => toast({ text: sentenceOf(error), kind: "bad" }),
  }));
  return (
    <li class={styles["row"]}>
      <StatusGlyph status={props.alert.severity === "critical" ? "bad" : "warn"} size={11} silent />
      <div class={styles["words"]}>
        <Show when={props.alert.name} fallback={<b>{t("alerts.server")}</b>}>
          {(name) => (
            <A href={props.alert.device_id ? `/devices/${props.alert.device_id}` : "/devices"} onClick={() => props.onGo()}>
              {name()}
            </A>
          )}
        </Show>
        <p>{sentence(props.alert.text)}</p>
      </div>
      <span class="t3">{duration(serverNow() - Date.parse(props.alert.since))}</span>
      <Show when={props.alert.acknowledged === null}>
        <Button size="small" look="quiet" busy={acknowledge.isPending} onClick={() => acknowledge.mutate(props.alert.id)}>
          {t("alerts.ack")}
        </Button>
      </Show>
    </li>
  );
}

export default function Alerts() {
  const alerts = useAlerts();
  const [open, setOpen] = createSignal(false);
  const count = (): number => alerts.data?.open ?? 0;
  return (
    <Popover
      open={open()}
      onOpenChange={setOpen}
      title={t("alerts.title")}
      class={styles["panel"] ?? ""}
      triggerClass={shell["bell"] ?? ""}
      triggerLabel={t("alerts.open", { count: count() })}
      trigger={
        <>
          <Bell size={18} />
          <Show when={count() > 0}>
            <span class={shell["badge"]}>{count()}</span>
          </Show>
        </>
      }
    >
      <QueryStates query={alerts} isEmpty={(data) => data.alerts.length === 0} empty={<EmptyState text={t("alerts.none")} />}>
        {(data) => (
          <ul class={styles["list"]}>
            <For each={data().alerts}>{(alert) => <AlertRow alert={alert} onGo={() => setOpen(false)} />}</For>
          </ul>
        )}
      </QueryStates>
    </Popover>
  );
}
