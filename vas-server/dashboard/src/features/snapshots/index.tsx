/** `/snapshots`: single pictures that were kept. */

import { A, useSearchParams } from "@solidjs/router";
import { useQuery } from "@tanstack/solid-query";
import { Download, Trash2 } from "lucide-solid";
import { createMemo, createSignal, For, Show } from "solid-js";
import { deleteCapture, download, fetchCapture, fileName, useSnapshots, type Filters } from "../../api/captures";
import { serverTime } from "../../api/clock";
import { queryClient, useStreams } from "../../api/queries";
import { can } from "../../api/session";
import type { Snapshot } from "../../api/types";
import { t } from "../../i18n";
import { bytes, dateTime, timeOrDay } from "../../i18n/time";
import { Button } from "../../ui/Button";
import { CaptureGrid, type CaptureCard } from "../../ui/CaptureGrid";
import { Dialog } from "../../ui/Dialog";
import { FilterBar, instantOf, useFilters } from "../../ui/Filters";
import { PageHead } from "../../ui/PageHead";
import { SelectionBar } from "../../ui/SelectionBar";
import { EmptyState, QueryStates, sentenceOf } from "../../ui/States";
import { toast } from "../../ui/toast";
import styles from "./snapshots.module.css";

const PROCESSING = 1_000;

function noteOf(snapshot: Snapshot): string {
  return snapshot.status === "failed" ? (snapshot.error ?? t("capture.failed")) : t("capture.processing");
}

function pictureOf(snapshot: Snapshot): string | null {
  return snapshot.status === "ready" ? snapshot.image_url : null;
}

async function remove(ids: readonly string[]): Promise<boolean> {
  const results = await Promise.allSettled(ids.map((id) => deleteCapture("snapshots", id)));
  const failed = results.find((result) => result.status === "rejected");
  if (failed) toast({ text: sentenceOf(failed.reason), kind: "bad" });
  await queryClient.invalidateQueries({ queryKey: ["snapshots"] });
  return !failed;
}

function Details(props: { readonly snapshot: Snapshot; readonly camera: string; readonly onClose: () => void }) {
  const [busy, setBusy] = createSignal(false);
  const facts = (): readonly (readonly [string, string])[] => [
    [t("capture.camera"), props.camera],
    [t("capture.time"), dateTime(props.snapshot.timestamp)],
    [t("capture.by"), props.snapshot.created_by],
    [t("capture.picture"), props.snapshot.width ? `${String(props.snapshot.width)} × ${String(props.snapshot.height)}` : ""],
    [t("capture.size"), props.snapshot.file_size === null ? "" : bytes(props.snapshot.file_size)],
  ];
  const drop = async (): Promise<void> => {
    setBusy(true);
    if (await remove([props.snapshot.id])) props.onClose();
    setBusy(false);
  };
  return (
    <>
      <div class={styles["player"]}>
        <Show when={pictureOf(props.snapshot)} fallback={<p role="status">{noteOf(props.snapshot)}</p>}>
          {(url) => <img src={url()} alt={t("snapshots.pictureOf", { name: props.camera, time: dateTime(props.snapshot.timestamp) })} />}
        </Show>
      </div>
      <div class={styles["actions"]}>
        <A href={`/recordings/${props.snapshot.stream_id}?t=${String(Date.parse(props.snapshot.timestamp))}`} class={styles["action"]}>{t("bookmarks.inRecording")}</A>
        <Show when={pictureOf(props.snapshot)}>
          {(url) => <Button icon={Download} onClick={() => void download([{ url: url(), name: fileName(props.camera, props.snapshot.timestamp) + ".jpg" }])}>{t("do.download")}</Button>}
        </Show>
        <Show when={can("snapshots:write")}>
          <Button icon={Trash2} look="danger" busy={busy()} onClick={() => void drop()}>{t("do.delete")}</Button>
        </Show>
      </div>
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
    </>
  );
}

function SnapshotDrawer(props: { readonly id: string; readonly nameOf: (stream: string) => string; readonly onClose: () => void }) {
  const snapshot = useQuery(() => ({
    queryKey: ["snapshots", "one", props.id],
    queryFn: ({ signal }) => fetchCapture("snapshots", props.id, signal),
    refetchInterval: (query) => (query.state.data?.status === "processing" ? PROCESSING : false),
  }));
  return (
    <Dialog open wide title={t("snapshots.one")} onClose={() => props.onClose()}>
      <QueryStates query={snapshot} rows={6}>
        {(data) => <Details snapshot={data()} camera={props.nameOf(data().stream_id)} onClose={() => props.onClose()} />}
      </QueryStates>
    </Dialog>
  );
}

export default function Snapshots() {
  const [search, setSearch] = useSearchParams();
  const [filters, setFilters] = useFilters();
  const [selected, setSelected] = createSignal<ReadonlySet<string>>(new Set());
  const query = createMemo((): Filters => {
    const { stream, from, to, by } = filters();
    return { stream_id: stream || null, created_by: by || null, after: instantOf(from), before: instantOf(to) };
  });
  const list = useSnapshots(query);
  const streams = useStreams();
  const nameOf = (id: string): string => streams.data?.find((stream) => stream.id === id)?.name ?? t("capture.removedCamera");
  const snapshots = createMemo(() => list.data?.pages.flatMap((page) => page.snapshots) ?? []);
  const cards = createMemo((): readonly CaptureCard[] =>
    snapshots().map((snapshot) => ({
      id: snapshot.id,
      title: nameOf(snapshot.stream_id),
      below: `${timeOrDay(snapshot.timestamp, serverTime())} · ${snapshot.created_by}`,
      picture: pictureOf(snapshot),
      note: noteOf(snapshot),
    })),
  );
  const filesOf = () =>
    snapshots()
      .filter((snapshot) => selected().has(snapshot.id) && pictureOf(snapshot) !== null)
      .map((snapshot) => ({ url: pictureOf(snapshot) ?? "", name: fileName(nameOf(snapshot.stream_id), snapshot.timestamp) + ".jpg" }));
  const isFiltered = (): boolean => Object.values(filters()).some((value) => value !== "");
  return (
    <div class={styles["page"]}>
      <PageHead title={t("snapshots.title")} />
      <FilterBar
        values={filters()}
        onChange={setFilters}
        fields={["stream", "by", "from", "to"]}
        count={list.data ? t("snapshots.count", { n: list.data.pages[0]?.pagination.total ?? 0 }) : undefined}
      />
      <Show when={selected().size > 0}>
        <SelectionBar
          count={selected().size}
          canDelete={can("snapshots:write")}
          question={t("snapshots.deleteMany", { n: selected().size })}
          onDownload={() => download(filesOf())}
          onDelete={async () => {
            if (await remove([...selected()])) setSelected(new Set<string>());
          }}
          onClear={() => setSelected(new Set<string>())}
        />
      </Show>
      <QueryStates
        query={list}
        rows={8}
        isEmpty={() => cards().length === 0}
        empty={<EmptyState text={isFiltered() ? t("snapshots.noMatch") : t("snapshots.none")} action={<A class={styles["action"] ?? ""} href="/live">{t("snapshots.open")}</A>} />}
      >
        {() => (
          <CaptureGrid
            label={t("snapshots.title")}
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
        {(id) => <SnapshotDrawer id={String(id())} nameOf={nameOf} onClose={() => setSearch({ id: null })} />}
      </Show>
    </div>
  );
}
