/** One device: picture, facts, what happened to it, and everything that can be done with it. */

import { A } from "@solidjs/router";
import { useQuery } from "@tanstack/solid-query";
import { Circle, Pencil, Play, RotateCw, Square, Trash2 } from "lucide-solid";
import { createSignal, For, Show } from "solid-js";
import { createStore } from "solid-js/store";
import { call } from "../../api/client";
import { serverNow } from "../../api/clock";
import { ApiError } from "../../api/problem";
import { useHealth } from "../../api/queries";
import { can } from "../../api/session";
import type { Device, Health, Reason } from "../../api/types";
import { sentence, t } from "../../i18n";
import { dateTime, decimal, duration, megabits, milliseconds, percent, timeOrDay } from "../../i18n/time";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { QueryStates, sentenceOf } from "../../ui/States";
import { StatusGlyph } from "../../ui/Status";
import { toast } from "../../ui/toast";
import { changeDevice, doWith, refresh, type BulkAction } from "./actions";
import { DeviceFields, type Draft } from "./DeviceFields";
import styles from "./devices.module.css";
import { groupOf, isRecording, type Row } from "./rows";

interface Transition {
  readonly from: string;
  readonly to: string;
  readonly reason: Reason;
  readonly at: string;
}

function EditForm(props: { readonly device: Device; readonly onDone: () => void }) {
  const device = props.device;
  const start: Draft = {
    name: device.name,
    rtsp_url: device.rtsp_url,
    sub_rtsp_url: device.sub_rtsp_url ?? "",
    location: device.location ?? "",
    description: device.description ?? "",
  };
  const [draft, setDraft] = createStore<Draft>({ ...start });
  const [problems, setProblems] = createSignal<Readonly<Record<string, string>>>({});
  const [busy, setBusy] = createSignal(false);
  const save = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    setProblems({});
    // Only what was changed: the address is shown with its password masked, and must not be sent back like that.
    const names = Object.keys(start) as (keyof Draft)[];
    const changed = names.filter((name) => draft[name] !== start[name]);
    const fields = Object.fromEntries(changed.map((name) => [name, draft[name].trim() === "" ? null : draft[name].trim()]));
    try {
      if (changed.length > 0) await changeDevice(device.id, fields);
      await refresh();
      props.onDone();
    } catch (error) {
      if (error instanceof ApiError && Object.keys(error.fields).length > 0) setProblems(error.fields);
      else toast({ text: sentenceOf(error), kind: "bad" });
    } finally {
      setBusy(false);
    }
  };
  return (
    <form class={styles["editForm"]} onSubmit={(event) => void save(event)}>
      <DeviceFields draft={draft} onChange={(name, value) => setDraft(name, value)} problems={problems()} urlHint={t("devices.field.urlMasked")} />
      <div class={styles["formActions"]}>
        <Button onClick={() => props.onDone()}>{t("do.cancel")}</Button>
        <Button type="submit" look="ink" busy={busy()}>{t("do.save")}</Button>
      </div>
    </form>
  );
}

function HealthFacts(props: { readonly health: Health }) {
  const metrics = () => props.health.metrics;
  const facts = (): readonly (readonly [string, string])[] => [
    [t("devices.col.fps"), `${decimal(metrics().fps)} fps`],
    [t("devices.col.rate"), `${megabits(metrics().bitrate_kbps)} Mb/s`],
    [t("devices.col.keyframe"), metrics().keyframe_interval_s === null ? "" : `${decimal(metrics().keyframe_interval_s ?? 0)} s`],
    [t("devices.loss"), percent(metrics().packet_loss, 2)],
    [t("devices.jitter"), milliseconds(metrics().jitter_ms)],
    [t("devices.transport"), props.health.ingest?.transport?.toUpperCase() ?? ""],
    [t("devices.viewers"), decimal(props.health.consumers.count)],
    [t("devices.uptime"), duration(props.health.uptime_seconds * 1_000)],
  ];
  return (
    <dl class={styles["facts"]}>
      <For each={facts().filter(([, value]) => value !== "")}>
        {([name, value]) => (
          <>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </>
        )}
      </For>
    </dl>
  );
}

function StreamParts(props: { readonly streamId: string }) {
  const health = useHealth(() => props.streamId);
  const transitions = useQuery(() => ({
    queryKey: ["streams", props.streamId, "transitions"],
    queryFn: ({ signal }) => call<{ readonly transitions: readonly Transition[] }>(`/v2/streams/${props.streamId}/transitions`, { query: { limit: 12 }, signal }),
    refetchInterval: 10_000,
  }));
  return (
    <>
      <QueryStates query={health} rows={5}>{(data) => <HealthFacts health={data()} />}</QueryStates>
      <h3 class={styles["partTitle"]}>{t("devices.history")}</h3>
      <QueryStates query={transitions} isEmpty={(data) => data.transitions.length === 0} empty={<p class="t3">{t("devices.noHistory")}</p>}>
        {(data) => (
          <ul class={styles["history"]}>
            <For each={data().transitions}>
              {(change) => (
                <li>
                  <time class="t3" dateTime={change.at}>{timeOrDay(change.at, serverNow())}</time>
                  <b>{t(`devices.state.${change.to}` as "devices.state.LIVE")}</b>
                  <span class="t2">{sentence(change.reason.text)}</span>
                </li>
              )}
            </For>
          </ul>
        )}
      </QueryStates>
    </>
  );
}

interface DeviceDrawerProps {
  readonly row: Row;
  readonly editing: boolean;
  readonly onEdit: (editing: boolean) => void;
  readonly onClose: () => void;
}

export function DeviceDrawer(props: DeviceDrawerProps) {
  const [busy, setBusy] = createSignal<BulkAction>();
  const [asking, setAsking] = createSignal(false);
  const device = (): Device => props.row.device;
  const run = async (action: BulkAction): Promise<void> => {
    setBusy(action);
    const done = await doWith(action, [device().id]);
    setBusy(undefined);
    if (done && action === "delete") props.onClose();
  };
  const running = (): boolean => props.row.status !== "off";
  return (
    <Dialog open kind="drawer" title={device().name} onClose={() => props.onClose()}>
      <Show when={!props.editing} fallback={<EditForm device={device()} onDone={() => props.onEdit(false)} />}>
        <div class={styles["firstPicture"]}>
          <Show
            when={props.row.stream?.state === "LIVE" ? props.row.stream : undefined}
            fallback={<p>{running() ? props.row.stream?.state_reason?.text : t("devices.stopped")}</p>}
          >
            {(stream) => <img src={`/v2/streams/${stream().id}/thumbnail.jpg?w=640`} alt={t("devices.pictureOf", { name: device().name })} />}
          </Show>
          <span class={styles["pictureName"]}>
            <StatusGlyph status={props.row.status} onPicture />
            {t(`status.${props.row.status}`)}
          </span>
        </div>
        <div class={styles["actions"]}>
          <Show when={props.row.stream}>{(stream) => <A href={`/recordings/${stream().id}`} class={styles["inkLink"]}>{t("devices.watch")}</A>}</Show>
          <Show when={can("streams:write")}>
            <Button icon={running() ? Square : Play} busy={busy() === "start" || busy() === "stop"} onClick={() => void run(running() ? "stop" : "start")}>
              {running() ? t("devices.stop") : t("devices.start")}
            </Button>
            <Button icon={Circle} busy={busy() === "record" || busy() === "unrecord"} onClick={() => void run(isRecording(props.row) ? "unrecord" : "record")}>
              {isRecording(props.row) ? t("devices.unrecord") : t("devices.record")}
            </Button>
            <Show when={running() && props.row.stream}>
              <Button icon={RotateCw} busy={busy() === "reconnect"} onClick={() => void run("reconnect")}>{t("devices.reconnect")}</Button>
            </Show>
            <Button icon={Pencil} onClick={() => props.onEdit(true)}>{t("do.edit")}</Button>
            <Button icon={Trash2} look="danger" onClick={() => setAsking(true)}>{t("do.delete")}</Button>
          </Show>
        </div>
        <dl class={styles["facts"]}>
          <dt>{t("devices.field.url")}</dt>
          <dd class={styles["url"]}>{device().rtsp_url}</dd>
          <Show when={groupOf(device())}>
            <dt>{t("devices.field.location")}</dt>
            <dd>{groupOf(device())}</dd>
          </Show>
          <Show when={device().description}>
            <dt>{t("devices.field.description")}</dt>
            <dd>{device().description}</dd>
          </Show>
          <dt>{t("devices.added")}</dt>
          <dd>{dateTime(device().created_at)}</dd>
        </dl>
        <Show when={props.row.stream}>{(stream) => <StreamParts streamId={stream().id} />}</Show>
      </Show>
      <Dialog
        open={asking()}
        onClose={() => setAsking(false)}
        title={t("devices.deleteTitle", { name: device().name })}
        footer={
          <>
            <Button onClick={() => setAsking(false)}>{t("do.cancel")}</Button>
            <Button look="danger" busy={busy() === "delete"} onClick={() => void run("delete")}>{t("do.delete")}</Button>
          </>
        }
      >
        <p>{t("devices.deleteText")}</p>
      </Dialog>
    </Dialog>
  );
}
