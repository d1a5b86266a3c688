/** The main picture, and what is said of it. */

import { Clock } from "lucide-solid";
import { createMemo, createSignal, onCleanup, Show } from "solid-js";
import type { Stream } from "../../api/types";
import { t } from "../../i18n";
import { duration } from "../../i18n/time";
import { StatusGlyph } from "../../ui/Status";
import { CameraPicture } from "./CameraPicture";
import type { Playback } from "./playback";
import styles from "./Recordings.module.css";

interface StageProps {
  readonly playback: Playback;
  readonly name: string;
  readonly now: number;
  readonly stream: Stream | undefined;
}

export function Stage(props: StageProps) {
  const [fits, setFits] = createSignal(false);
  const state = () => props.playback.snapshot().state;
  const liveWords = createMemo(() => {
    if (!props.playback.live() || !props.stream || props.stream.state === "LIVE") return "";
    return props.stream.state_reason?.text ?? props.stream.state;
  });
  const message = () => {
    if (props.playback.live()) return liveWords();
    if (state() === "failed") return t("recordings.failed", { reason: props.playback.snapshot().reason });
    return state() === "end" || state() === "gap" ? t("recordings.noRecording") : "";
  };
  const observe = (element: HTMLElement) => {
    const observer = new ResizeObserver(([entry]) => {
      if (entry) setFits(Math.abs(Math.log(entry.contentRect.width / entry.contentRect.height / (16 / 9))) < 0.02);
    });
    observer.observe(element);
    onCleanup(() => observer.disconnect());
  };
  return (
    <section class={styles["stage"]} classList={{ [styles["fits"] ?? ""]: fits() }} ref={observe} aria-label={t("recordings.picture", { name: props.name })} data-mode={props.playback.live() ? "live" : "recorded"} data-state={state()} data-at={Math.round(props.playback.at())}>
      <Show when={props.playback.main()} keyed>
        {(camera) => <CameraPicture camera={camera} />}
      </Show>
      <div class={styles["over"]}>
        <Show when={!props.playback.live()} fallback={
          <Show when={liveWords() === ""}>
            <span class={styles["pill"]}><StatusGlyph status="ok" onPicture silent />{t("recordings.live")}</span>
          </Show>
        }>
          <span class={styles["pill"]}>
            <Clock size={14} />
            {t("recordings.recorded")}
            <span class={styles["ago"]}>{t("recordings.ago", { time: duration(props.now - props.playback.at()) })}</span>
          </span>
          <button type="button" class={styles["goLive"]} onClick={() => props.playback.goLive()}>{t("recordings.goLive")}</button>
        </Show>
      </div>
      <div role="status" class={styles["notices"]}>
        <Show when={props.playback.skipped()}>
          {(gap) => <span class={styles["pill"]}>{t("recordings.skipped", { time: duration(gap().to - gap().from) })}</span>}
        </Show>
        <Show when={state() === "loading" && !props.playback.live() && message() === ""}>
          <span class={styles["loading"]}>{t("recordings.loading")}</span>
        </Show>
        <Show when={message()}><span class={styles["pill"]}>{message()}</span></Show>
      </div>
    </section>
  );
}
