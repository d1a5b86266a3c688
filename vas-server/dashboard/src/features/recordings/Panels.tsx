/** The main camera's health, bookmarks and snapshots. */

import { createMemo, createSignal, Show } from "solid-js";
import { t } from "../../i18n";
import { Tabs, type TabItem } from "../../ui/Tabs";
import { BookmarkRows, SnapshotRows } from "./CaptureRows";
import { useDayBookmarks, useDaySnapshots } from "./data";
import { HealthPanel } from "./HealthPanel";
import styles from "./Recordings.module.css";
import type { SideProps } from "./Side";

export default function Panels(props: SideProps) {
  const [tab, setTab] = createSignal(props.compact ? "bookmarks" : "health");
  const main = () => props.streams[0]?.id ?? "";
  const bookmarks = useDayBookmarks(main, () => props.day);
  const snapshots = useDaySnapshots(main, () => props.day);
  const items = createMemo((): readonly TabItem[] => {
    const health: TabItem = {
      value: "health", label: t("recordings.health"),
      content: () => (
        <>
          <HealthPanel id={main()} stream={props.streams[0]} />
          <Show when={!props.compact}>
            <h2 class={styles["listHead"]}>{t("recordings.bookmarksToday")}</h2>
            <BookmarkRows query={bookmarks} onSeek={(time) => props.onSeek(time)} most={2} />
          </Show>
        </>
      ),
    };
    const rest: TabItem[] = [
      { value: "bookmarks", label: t("recordings.bookmarks"), count: bookmarks.data?.pagination.total, content: () => <BookmarkRows query={bookmarks} onSeek={(time) => props.onSeek(time)} /> },
      { value: "snapshots", label: t("recordings.snapshots"), count: snapshots.data?.pagination.total, content: () => <SnapshotRows query={snapshots} onSeek={(time) => props.onSeek(time)} /> },
    ];
    return props.compact ? [...rest, health] : [health, ...rest];
  });
  return <Tabs label={t("recordings.title")} value={tab()} onChange={setTab} items={items()} class={styles["tabs"] ?? ""} />;
}
