/** `/bookmarks`: everything that was kept, found again. */

import { A, useSearchParams } from "@solidjs/router";
import { createEffect, createMemo, createSignal, onCleanup, Show } from "solid-js";
import { deleteCapture, download, fileName, useBookmarks, type Filters } from "../../api/captures";
import { queryClient, useStreams } from "../../api/queries";
import { serverTime } from "../../api/clock";
import { can } from "../../api/session";
import type { Bookmark } from "../../api/types";
import { t } from "../../i18n";
import { clipLength, timeOrDay } from "../../i18n/time";
import { CaptureGrid, type CaptureCard } from "../../ui/CaptureGrid";
import { FilterBar, instantOf, useFilters } from "../../ui/Filters";
import { PageHead } from "../../ui/PageHead";
import { SelectionBar } from "../../ui/SelectionBar";
import { EmptyState, QueryStates, sentenceOf } from "../../ui/States";
import { toast } from "../../ui/toast";
import { BookmarkDrawer } from "./BookmarkDrawer";
import styles from "./bookmarks.module.css";

/** Time after which typing is taken for done, in milliseconds. */
const TYPING = 300;

function noteOf(bookmark: Bookmark): string {
  if (bookmark.status === "failed") return bookmark.error ?? t("capture.failed");
  return bookmark.status === "processing" ? t("capture.processing") : t("capture.noPicture");
}

export default function Bookmarks() {
  const [search, setSearch] = useSearchParams();
  const [filters, setFilters] = useFilters();
  const [query, setQuery] = createSignal<Filters>({});
  const [selected, setSelected] = createSignal<ReadonlySet<string>>(new Set());
  createEffect(() => {
    const { stream, from, to, text, tag, by } = filters();
    const next: Filters = {
      stream_id: stream || null, q: text || null, tag: tag || null, created_by: by || null,
      start_after: instantOf(from), start_before: instantOf(to),
    };
    const timer = window.setTimeout(() => setQuery(next), TYPING);
    onCleanup(() => window.clearTimeout(timer));
  });
  const list = useBookmarks(query);
  const streams = useStreams();
  const nameOf = (id: string): string => streams.data?.find((stream) => stream.id === id)?.name ?? t("capture.removedCamera");
  const bookmarks = createMemo(() => list.data?.pages.flatMap((page) => page.bookmarks) ?? []);
  const total = (): number => list.data?.pages[0]?.pagination.total ?? 0;
  const cards = createMemo((): readonly CaptureCard[] =>
    bookmarks().map((bookmark) => ({
      id: bookmark.id,
      title: bookmark.label ?? t("bookmarks.unnamed"),
      below: `${nameOf(bookmark.stream_id)} · ${timeOrDay(bookmark.start_time, serverTime())} · ${bookmark.created_by}`,
      picture: bookmark.thumbnail_url,
      note: noteOf(bookmark),
      corner: clipLength(bookmark.duration_seconds * 1_000),
    })),
  );
  const chosen = (): readonly Bookmark[] => bookmarks().filter((bookmark) => selected().has(bookmark.id));
  const filesOf = (some: readonly Bookmark[]) =>
    some.flatMap((bookmark) =>
      bookmark.video_url ? [{ url: bookmark.video_url, name: fileName(nameOf(bookmark.stream_id), bookmark.label ?? "", bookmark.start_time) + ".mp4" }] : []);
  const remove = async (): Promise<void> => {
    const results = await Promise.allSettled(chosen().map((bookmark) => deleteCapture("bookmarks", bookmark.id)));
    const failed = results.find((result) => result.status === "rejected");
    if (failed) toast({ text: sentenceOf(failed.reason), kind: "bad" });
    setSelected(new Set<string>());
    await queryClient.invalidateQueries({ queryKey: ["bookmarks"] });
  };
  const isFiltered = (): boolean => Object.values(filters()).some((value) => value !== "");
  return (
    <div class={styles["page"]}>
      <PageHead title={t("bookmarks.title")} />
      <FilterBar values={filters()} onChange={setFilters} fields={["stream", "text", "tag", "by", "from", "to"]} count={list.data ? t("bookmarks.count", { n: total() }) : undefined} />
      <Show when={selected().size > 0}>
        <SelectionBar
          count={selected().size}
          canDelete={can("bookmarks:write")}
          question={t("bookmarks.deleteMany", { n: selected().size })}
          onDownload={() => download(filesOf(chosen()))}
          onDelete={remove}
          onClear={() => setSelected(new Set<string>())}
        />
      </Show>
      <QueryStates
        query={list}
        rows={8}
        isEmpty={() => cards().length === 0}
        empty={<EmptyState text={isFiltered() ? t("bookmarks.noMatch") : t("bookmarks.none")} action={<A class={styles["action"] ?? ""} href="/recordings">{t("bookmarks.open")}</A>} />}
      >
        {() => (
          <CaptureGrid
            label={t("bookmarks.title")}
            cards={cards()}
            selected={selected()}
            selectLabel={(card) => t("select.one", { name: card.title })}
            onSelect={setSelected}
            onOpen={(id) => setSearch({ id })}
            onEnd={() => {
              if (list.hasNextPage && !list.isFetchingNextPage) void list.fetchNextPage();
            }}
          />
        )}
      </QueryStates>
      <Show when={search["id"]}>
        {(id) => <BookmarkDrawer id={String(id())} nameOf={nameOf} onClose={() => setSearch({ id: null })} />}
      </Show>
    </div>
  );
}
