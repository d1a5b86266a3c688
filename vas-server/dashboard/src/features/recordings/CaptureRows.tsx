/** Bookmarks and snapshots of a day: a small picture, a name, and the way to their time. */

import { For, Show } from "solid-js";
import type { BookmarkList, CaptureStatus, SnapshotList } from "../../api/types";
import { t } from "../../i18n";
import { clockTime, duration } from "../../i18n/time";
import { EmptyState, QueryStates } from "../../ui/States";
import styles from "./Recordings.module.css";

interface QueryLike<T> {
  readonly data: T | undefined;
  readonly error: Error | null;
  readonly isPending: boolean;
  readonly dataUpdatedAt: number;
  readonly refetch: () => unknown;
}

interface RowProps {
  readonly title: string;
  readonly text: string;
  readonly picture: string | null;
  readonly status: CaptureStatus;
  readonly onOpen: () => void;
}

function Row(props: RowProps) {
  const note = () => (props.status === "processing" ? t("recordings.processing") : props.status === "failed" ? t("recordings.captureFailed") : "");
  return (
    <button type="button" class={styles["row"]} onClick={() => props.onOpen()}>
      <span class={styles["rowPicture"]}>
        <Show when={props.picture}>{(url) => <img src={url()} alt="" loading="lazy" />}</Show>
      </span>
      <span class={styles["rowText"]}>
        <b class="ellipsis">{props.title}</b>
        <span class="t3 ellipsis">{[props.text, note()].filter(Boolean).join(" · ")}</span>
      </span>
    </button>
  );
}

export function BookmarkRows(props: { readonly query: QueryLike<BookmarkList>; readonly onSeek: (time: number) => void; readonly most?: number }) {
  return (
    <QueryStates query={props.query} isEmpty={(list) => list.bookmarks.length === 0} empty={<EmptyState text={t("recordings.noBookmarks")} />}>
      {(list) => (
        <For each={list().bookmarks.slice(0, props.most ?? list().bookmarks.length)}>
          {(bookmark) => (
            <Row
              title={bookmark.label ?? t("recordings.bookmark")}
              text={`${clockTime(bookmark.center_timestamp)}, ${duration(bookmark.duration_seconds * 1_000)} · ${bookmark.created_by}`}
              picture={bookmark.thumbnail_url}
              status={bookmark.status}
              onOpen={() => props.onSeek(Date.parse(bookmark.start_time))}
            />
          )}
        </For>
      )}
    </QueryStates>
  );
}

export function SnapshotRows(props: { readonly query: QueryLike<SnapshotList>; readonly onSeek: (time: number) => void }) {
  return (
    <QueryStates query={props.query} isEmpty={(list) => list.snapshots.length === 0} empty={<EmptyState text={t("recordings.noSnapshots")} />}>
      {(list) => (
        <For each={list().snapshots}>
          {(snapshot) => (
            <Row
              title={clockTime(snapshot.timestamp)}
              text={[snapshot.width && snapshot.height ? `${String(snapshot.width)} × ${String(snapshot.height)}` : "", snapshot.created_by].filter(Boolean).join(" · ")}
              picture={snapshot.status === "ready" ? snapshot.image_url : null}
              status={snapshot.status}
              onOpen={() => props.onSeek(Date.parse(snapshot.timestamp))}
            />
          )}
        </For>
      )}
    </QueryStates>
  );
}
