/** Adding a camera: its address is tried, what it sends is shown, then it is saved, started, and seen. */

import { A } from "@solidjs/router";
import { createEffect, createSignal, onCleanup, Show } from "solid-js";
import { createStore } from "solid-js/store";
import { ApiError } from "../../api/problem";
import { useStreams } from "../../api/queries";
import type { Probe } from "../../api/types";
import { t } from "../../i18n";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { TextField } from "../../ui/fields";
import { sentenceOf } from "../../ui/States";
import { StatusGlyph, statusOf } from "../../ui/Status";
import { addDevice, refresh, startStream, validateUrl } from "./actions";
import { DeviceFields, type Draft } from "./DeviceFields";
import styles from "./devices.module.css";

type Step = "address" | "facts" | "picture";

/** A name made from the address: its path, else its host. */
export function nameFrom(url: string): string {
  try {
    const { hostname, pathname } = new URL(url.replace(/^rtsps?:/, "http:"));
    const words = decodeURIComponent(pathname).split(/[/_-]+/).filter((word) => /[a-z]/i.test(word));
    const name = words[0] ?? hostname;
    return name.charAt(0).toUpperCase() + name.slice(1);
  } catch {
    return "";
  }
}

function Facts(props: { readonly probe: Probe }) {
  const video = () => props.probe.video;
  return (
    <dl class={styles["facts"]}>
      <dt>{t("devices.video")}</dt>
      <dd>
        <Show when={video()} fallback={props.probe.message}>
          {(found) => `${found().codec} ${found().profile}, ${String(found().width)} × ${String(found().height)}${found().fps ? `, ${String(found().fps)} fps` : ""}`}
        </Show>
      </dd>
      <dt>{t("devices.audio")}</dt>
      <dd>{props.probe.audio ? `${props.probe.audio.codec}, ${String(props.probe.audio.clock_rate / 1_000)} kHz` : t("devices.noAudio")}</dd>
    </dl>
  );
}

/** The first picture of a camera that was just started, or why there is none yet. */
function FirstPicture(props: { readonly streamId: string; readonly name: string }) {
  const streams = useStreams();
  const stream = () => streams.data?.find((one) => one.id === props.streamId);
  const timer = window.setInterval(() => void refresh(), 2_000);
  onCleanup(() => window.clearInterval(timer));
  createEffect(() => {
    if (stream()?.state === "LIVE") window.clearInterval(timer);
  });
  return (
    <div class={styles["firstPicture"]}>
      <Show
        when={stream()?.state === "LIVE"}
        fallback={<p role="status">{stream()?.state === "ERROR" ? stream()?.state_reason?.text : t("devices.waitingForPicture")}</p>}
      >
        <img src={`/v2/streams/${props.streamId}/thumbnail.jpg?w=640`} alt={t("devices.pictureOf", { name: props.name })} />
      </Show>
      <span class={styles["pictureName"]}>
        <StatusGlyph status={stream() ? statusOf(stream() as NonNullable<ReturnType<typeof stream>>) : "reconnecting"} onPicture />
        {props.name}
      </span>
    </div>
  );
}

export function AddWizard(props: { readonly onClose: () => void }) {
  const [step, setStep] = createSignal<Step>("address");
  const [draft, setDraft] = createStore<Draft>({ name: "", rtsp_url: "", sub_rtsp_url: "", location: "", description: "" });
  const [probe, setProbe] = createSignal<Probe>();
  const [problems, setProblems] = createSignal<Readonly<Record<string, string>>>({});
  const [problem, setProblem] = createSignal<string>();
  const [busy, setBusy] = createSignal(false);
  const [streamId, setStreamId] = createSignal<string>();

  const attempt = async (work: () => Promise<void>): Promise<void> => {
    setBusy(true);
    setProblem(undefined);
    setProblems({});
    try {
      await work();
    } catch (error) {
      if (error instanceof ApiError && Object.keys(error.fields).length > 0) setProblems(error.fields);
      else setProblem(sentenceOf(error));
    } finally {
      setBusy(false);
    }
  };
  const check = (): Promise<void> =>
    attempt(async () => {
      const found = await validateUrl(draft.rtsp_url.trim());
      if (!found.valid) {
        setProblem(found.error ?? t("devices.notValid"));
        return;
      }
      setProbe(found);
      if (draft.name === "") setDraft("name", nameFrom(draft.rtsp_url));
      setStep("facts");
    });
  const save = (): Promise<void> =>
    attempt(async () => {
      const text = (value: string): string | null => (value.trim() === "" ? null : value.trim());
      const device = await addDevice({
        name: draft.name.trim(),
        rtsp_url: draft.rtsp_url.trim(),
        sub_rtsp_url: text(draft.sub_rtsp_url),
        location: text(draft.location),
        description: text(draft.description),
      });
      const started = await startStream(device.id);
      setStreamId(started.v2_stream_id);
      await refresh();
      setStep("picture");
    });
  const again = (): void => {
    setDraft({ name: "", rtsp_url: "", sub_rtsp_url: "", location: "", description: "" });
    setStep("address");
  };
  return (
    <Dialog
      open
      onClose={() => props.onClose()}
      title={t("devices.add")}
      description={t(`devices.step.${step()}`)}
      footer={
        <>
          <Show when={step() === "address"}>
            {/* A camera that is switched off now can be added all the same. */}
            <Show when={problem()}>
              <Button look="quiet" onClick={() => { setProbe(undefined); setProblem(undefined); setDraft("name", draft.name || nameFrom(draft.rtsp_url)); setStep("facts"); }}>
                {t("devices.addAnyway")}
              </Button>
            </Show>
            <Button look="ink" busy={busy()} disabled={draft.rtsp_url.trim() === ""} onClick={() => void check()}>
              {busy() ? t("devices.checking") : t("devices.check")}
            </Button>
          </Show>
          <Show when={step() === "facts"}>
            <Button onClick={() => setStep("address")}>{t("do.back")}</Button>
            <Button look="ink" busy={busy()} onClick={() => void save()}>{t("devices.saveAndStart")}</Button>
          </Show>
          <Show when={step() === "picture"}>
            <Button onClick={again}>{t("devices.addAnother")}</Button>
            <A href={`/recordings/${streamId() ?? ""}`} class={styles["inkLink"]}>{t("devices.watch")}</A>
          </Show>
        </>
      }
    >
      <Show when={step() === "address"}>
        <form onSubmit={(event) => { event.preventDefault(); void check(); }}>
          <TextField
            label={t("devices.field.url")}
            value={draft.rtsp_url}
            onInput={(value) => setDraft("rtsp_url", value)}
            placeholder="rtsp://user:password@192.0.2.10/stream1"
            hint={t("devices.field.urlHint")}
            error={problems()["rtsp_url"] ?? problem()}
            autofocus
          />
        </form>
      </Show>
      <Show when={step() === "facts"}>
        <Show when={probe()}>{(found) => <Facts probe={found()} />}</Show>
        <DeviceFields draft={draft} onChange={(name, value) => setDraft(name, value)} problems={problems()} withoutUrl={problems()["rtsp_url"] === undefined} />
        <Show when={problem()}><p class={styles["problem"]} role="alert">{problem()}</p></Show>
      </Show>
      <Show when={step() === "picture"}>
        <Show when={streamId()}>{(id) => <FirstPicture streamId={id()} name={draft.name} />}</Show>
      </Show>
    </Dialog>
  );
}
