/** The page's heading: which camera, how it does, and which others go along with it. */

import { A } from "@solidjs/router";
import { ChevronDown, Layers } from "lucide-solid";
import { createMemo, Show } from "solid-js";
import type { Stream } from "../../api/types";
import { t } from "../../i18n";
import { Menu, type MenuItem } from "../../ui/Menu";
import { PageHead } from "../../ui/PageHead";
import { StatusGlyph, statusOf } from "../../ui/Status";
import styles from "./Recordings.module.css";

interface HeadProps {
  readonly all: readonly Stream[];
  readonly streams: readonly Stream[];
  readonly live: boolean;
  readonly compact: boolean;
  readonly onIds: (ids: readonly string[]) => void;
}

export function Head(props: HeadProps) {
  const main = () => props.streams[0];
  const ids = () => props.streams.map(({ id }) => id);
  const words = createMemo(() => {
    const stream = main();
    if (stream?.state !== "LIVE") return t("recordings.offline");
    return stream.recording === false ? t("recordings.notRecording") : t("recordings.liveRecording");
  });
  const others = (): readonly MenuItem[] => props.all.map((stream): MenuItem => ({
    label: stream.name,
    checked: main()?.id === stream.id,
    onSelect: () => props.onIds([stream.id, ...ids().slice(1).filter((id) => id !== stream.id)]),
  }));
  const synced = (): readonly MenuItem[] => props.all.filter(({ id }) => id !== main()?.id).map((stream): MenuItem => {
    const on = ids().includes(stream.id);
    return {
      label: stream.name, checked: on,
      onSelect: () => props.onIds(on ? ids().filter((id) => id !== stream.id) : [...ids(), stream.id]),
    };
  });
  return (
    <PageHead
      title={main()?.name ?? t("recordings.title")}
      heading={
        <>
          <Show when={!props.compact}>
            <A class={styles["crumb"]} href="/recordings">{t("recordings.title")}</A>
            <span class="t3">/</span>
          </Show>
          <h1 class="ellipsis">{main()?.name}</h1>
          <Menu triggerLabel={t("recordings.changeCamera")} placement="bottom-start" trigger={<ChevronDown size={16} />} items={others()} />
          <Show when={main()}>{(stream) => <StatusGlyph status={statusOf(stream())} size={10} />}</Show>
          <Show when={!props.compact}><span class="t2 ellipsis">{words()}</span></Show>
        </>
      }
    >
      <Show when={props.all.length > 1 && !props.compact}>
        <Menu
          triggerClass={styles["syncButton"] ?? ""}
          placement="bottom-start"
          trigger={<><Layers size={15} />{t("recordings.sync", { n: props.streams.length })}</>}
          items={synced()}
        />
      </Show>
    </PageHead>
  );
}
