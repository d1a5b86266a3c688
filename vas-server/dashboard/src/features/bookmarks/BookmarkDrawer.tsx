/** One bookmark: its clip, what is said of it, and where it is in the recording. */

import { A } from "@solidjs/router";
import { useQuery } from "@tanstack/solid-query";
import { Download, Link2, Trash2 } from "lucide-solid";
import { createEffect, createSignal, For, Show } from "solid-js";
import { changeBookmark, deleteCapture, download, fetchCapture, fileName } from "../../api/captures";
import { queryClient } from "../../api/queries";
import { can } from "../../api/session";
import type { Bookmark } from "../../api/types";
import { t } from "../../i18n";
import { bytes, clipLength, dateTime, percent } from "../../i18n/time";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { TextField } from "../../ui/fields";
import { QueryStates, sentenceOf } from "../../ui/States";
import { toast } from "../../ui/toast";
import styles from "./bookmarks.module.css";

const PROCESSING = 1_500;

function Details(props: { readonly bookmark: Bookmark; readonly camera: string; readonly onClose: () => void }) {
  const [label, setLabel] = createSignal("");
  const [type, setType] = createSignal("");
  const [tags, setTags] = createSignal("");
  const [busy, setBusy] = createSignal(false);
  const reset = (): void => {
    setLabel(props.bookmark.label ?? "");
    setType(props.bookmark.event_type ?? "");
    setTags(props.bookmark.tags.join(", "));
  };
  createEffect(reset);
  const changed = (): boolean =>
    label() !== (props.bookmark.label ?? "") || type() !== (props.bookmark.event_type ?? "") || tags() !== props.bookmark.tags.join(", ");
  const attempt = async (work: () => Promise<unknown>): Promise<void> => {
    setBusy(true);
    try {
      await work();
      await queryClient.invalidateQueries({ queryKey: ["bookmarks"] });
    } catch (error) {
      toast({ text: sentenceOf(error), kind: "bad" });
    } finally {
      setBusy(false);
    }
  };
  const save = (): Promise<void> =>
    attempt(() =>
      changeBookmark(props.bookmark.id, {
        label: label().trim() || null,
        event_type: type().trim() || null,
        tags: tags().split(",").map((tag) => tag.trim()).filter(Boolean),
      }));
  const remove = (): Promise<void> =>
    attempt(async () => {
      await deleteCapture("bookmarks", props.bookmark.id);
      props.onClose();
    });
  const at = (): string => `/recordings/${props.bookmark.stream_id}?t=${String(Date.parse(props.bookmark.start_time))}`;
  const copy = async (): Promise<void> => {
    await navigator.clipboard.writeText(new URL(at(), location.href).href);
    toast({ text: t("do.copied") });
  };
  const facts = (): readonly (readonly [string, string])[] => [
    [t("capture.camera"), props.camera],
    [t("capture.time"), dateTime(props.bookmark.start_time)],
    [t("capture.length"), clipLength(props.bookmark.duration_seconds * 1_000)],
    [t("capture.by"), props.bookmark.created_by],
    [t("capture.size"), props.bookmark.file_size === null ? "" : bytes(props.bookmark.file_size)],
    [t("capture.confidence"), props.bookmark.confidence === null ? "" : percent(props.bookmark.confidence)],
  ];
  return (
    <>
      <div class={styles["player"]}>
        <Show
          when={props.bookmark.video_url}
          fallback={<p role="status">{props.bookmark.status === "failed" ? (props.bookmark.error ?? t("capture.failed")) : t("capture.processing")}</p>}
        >
          {(url) => (
            <video src={url()} poster={props.bookmark.thumbnail_url ?? undefined} controls muted playsinline preload="metadata" />
          )}
        </Show>
      </div>
      <div class={styles["actions"]}>
        <A href={at()} class={styles["action"]}>{t("bookmarks.inRecording")}</A>
        <Show when={props.bookmark.video_url}>
          {(url) => (
            <Button icon={Download} onClick={() => void download([{ url: url(), name: fileName(props.camera, props.bookmark.label ?? "", props.bookmark.start_time) + ".mp4" }])}>
              {t("do.download")}
            </Button>
          )}
        </Show>
        <Button icon={Link2} onClick={() => void copy()}>{t("bookmarks.copyLink")}</Button>
        <Show when={can("bookmarks:write")}>
          <Button icon={Trash2} look="danger" busy={busy()} onClick={() => void remove()}>{t("do.delete")}</Button>
        </Show>
      </div>
      <Show
        when={can("bookmarks:write")}
        fallback={<Show when={props.bookmark.tags.length > 0}><p class="t2"><For each={props.bookmark.tags}>{(tag) => <span class={styles["tag"]}>{tag}</span>}</For></p></Show>}
      >
        <form class={styles["form"]} onSubmit={(event) => { event.preventDefault(); void save(); }}>
          <TextField label={t("capture.label")} value={label()} onInput={setLabel} />
          <TextField label={t("capture.type")} value={type()} onInput={setType} />
          <TextField label={t("capture.tags")} value={tags()} onInput={setTags} hint={t("capture.tagsHint")} />
          <Show when={changed()}>
            <div class={styles["formActions"]}>
              <Button onClick={reset}>{t("do.cancel")}</Button>
              <Button type="submit" look="ink" busy={busy()}>{t("do.save")}</Button>
            </div>
          </Show>
        </form>
      </Show>
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

export function BookmarkDrawer(props: { readonly id: string; readonly nameOf: (stream: string) => string; readonly onClose: () => void }) {
  const bookmark = useQuery(() => ({
    queryKey: ["bookmarks", "one", props.id],
    queryFn: ({ signal }) => fetchCapture("bookmarks", props.id, signal),
    refetchInterval: (query) => (query.state.data?.status === "processing" ? PROCESSING : false),
  }));
  return (
    <Dialog open kind="drawer" title={bookmark.data?.label ?? t("bookmarks.unnamed")} onClose={() => props.onClose()}>
      <QueryStates query={bookmark} rows={6}>
        {(data) => <Details bookmark={data()} camera={props.nameOf(data().stream_id)} onClose={() => props.onClose()} />}
      </QueryStates>
    </Dialog>
  );
}
