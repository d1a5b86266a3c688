/** Ctrl K: a camera, a time, a bookmark or a page, by typing. */

import { Dialog } from "@kobalte/core/dialog";
import { useNavigate } from "@solidjs/router";
import { useQuery } from "@tanstack/solid-query";
import { Bookmark as BookmarkIcon, Clock, Search } from "lucide-solid";
import { createEffect, createMemo, createSignal, createUniqueId, For, on, Show } from "solid-js";
import { Dynamic } from "solid-js/web";
import { call } from "../../api/client";
import { serverTime } from "../../api/clock";
import { useStreams } from "../../api/queries";
import { can } from "../../api/session";
import type { BookmarkList, Stream } from "../../api/types";
import { t } from "../../i18n";
import { dateTime, timeOrDay, zoneOffset } from "../../i18n/time";
import type { IconType } from "../../ui/Button";
import { cx } from "../../ui/cx";
import floating from "../../ui/floating.module.css";
import { StatusGlyph, statusOf } from "../../ui/Status";
import { NAV, SETTINGS } from "../nav";
import { closePalette, paletteOpen } from "./open";
import styles from "./Palette.module.css";
import { parseAsked, score } from "./parse";

interface Hit {
  readonly group: string;
  readonly label: string;
  readonly hint: string;
  readonly path: string;
  readonly stream?: Stream;
  readonly icon?: IconType;
}

/** Hits of one kind at most. */
const EACH = 6;

function best<T>(all: readonly T[], nameOf: (item: T) => string, query: string): T[] {
  return all
    .map((item) => ({ item, rank: score(nameOf(item), query) }))
    .filter((one): one is { item: T; rank: number } => one.rank !== null)
    .sort((a, b) => a.rank - b.rank)
    .slice(0, EACH)
    .map((one) => one.item);
}

export default function Palette() {
  const [query, setQuery] = createSignal("");
  const [chosen, setChosen] = createSignal(0);
  const navigate = useNavigate();
  const streams = useStreams();
  const id = createUniqueId();
  const asked = createMemo(() => {
    const now = serverTime();
    return parseAsked(query(), now, zoneOffset(now), t("find.yesterday"));
  });
  const bookmarks = useQuery(() => ({
    queryKey: ["bookmarks", "find", asked().text],
    queryFn: ({ signal }) => call<BookmarkList>("/v2/bookmarks", { query: { q: asked().text, limit: EACH }, signal }),
    enabled: paletteOpen() && asked().text.length > 1 && can("bookmarks:read"),
  }));
  const hits = createMemo((): readonly Hit[] => {
    const { text, at } = asked();
    const cameras = best(streams.data ?? [], (stream) => stream.name, text);
    if (at !== null) {
      const time = String(Math.round(at));
      return cameras.map((stream) => ({
        group: t("find.times"), label: stream.name, hint: dateTime(at), path: `/recordings/${stream.id}?t=${time}`, icon: Clock,
      }));
    }
    const pages = text === "" ? [...NAV, SETTINGS] : best([...NAV, SETTINGS], (page) => t(page.label), text);
    return [
      ...cameras.map((stream) => ({ group: t("find.cameras"), label: stream.name, hint: t(`status.${statusOf(stream)}`), path: `/recordings/${stream.id}`, stream })),
      ...(bookmarks.data?.bookmarks ?? []).map((bookmark) => ({
        group: t("find.bookmarks"),
        label: bookmark.label ?? t("bookmarks.unnamed"),
        hint: timeOrDay(bookmark.center_timestamp, serverTime()),
        path: `/recordings/${bookmark.stream_id}?t=${String(Date.parse(bookmark.start_time))}`,
        icon: BookmarkIcon,
      })),
      ...pages.map((page) => ({ group: t("find.pages"), label: t(page.label), hint: "", path: page.path, icon: page.icon })),
    ];
  });
  createEffect(on(query, () => setChosen(0), { defer: true }));
  createEffect(() => {
    if (!paletteOpen()) setQuery("");
  });
  const go = (hit: Hit | undefined): void => {
    if (!hit) return;
    closePalette();
    navigate(hit.path);
  };
  const onKey = (event: KeyboardEvent): void => {
    const count = hits().length;
    if (event.key === "Enter") go(hits()[chosen()]);
    else if (event.key === "ArrowDown" && count > 0) setChosen((place) => (place + 1) % count);
    else if (event.key === "ArrowUp" && count > 0) setChosen((place) => (place + count - 1) % count);
    else return;
    event.preventDefault();
    document.getElementById(`${id}-${String(chosen())}`)?.scrollIntoView({ block: "nearest" });
  };
  return (
    <Dialog open={paletteOpen()} onOpenChange={(open) => !open && closePalette()} modal>
      <Dialog.Portal>
        <Dialog.Overlay class={floating["overlay"]} />
        <div class={styles["place"]}>
          <Dialog.Content class={styles["palette"]}>
            <Dialog.Title class="visually-hidden">{t("find.label")}</Dialog.Title>
            <div class={styles["input"]}>
              <Search size={18} />
              <input
                role="combobox"
                aria-expanded="true"
                aria-controls={`${id}-list`}
                aria-activedescendant={hits().length > 0 ? `${id}-${String(chosen())}` : undefined}
                aria-label={t("find.label")}
                placeholder={t("find.hint")}
                value={query()}
                onInput={(event) => setQuery(event.currentTarget.value)}
                onKeyDown={onKey}
                autocomplete="off"
                spellcheck={false}
              />
            </div>
            <Show when={hits().length > 0} fallback={<p class={styles["none"]}>{t("find.none", { query: query() })}</p>}>
              <ul id={`${id}-list`} role="listbox" aria-label={t("find.label")} class={styles["list"]}>
                <For each={hits()}>
                  {(hit, place) => (
                    <>
                      <Show when={hits()[place() - 1]?.group !== hit.group}>
                        <li role="presentation" class={styles["group"]}>{hit.group}</li>
                      </Show>
                      <li
                        id={`${id}-${String(place())}`}
                        role="option"
                        aria-selected={place() === chosen()}
                        class={cx(styles["hit"], place() === chosen() && styles["chosen"])}
                        onPointerMove={() => setChosen(place())}
                        onClick={() => go(hit)}
                      >
                        <Show when={hit.stream} fallback={<Dynamic component={hit.icon} size={16} />}>
                          {(stream) => <StatusGlyph status={statusOf(stream())} size={10} silent />}
                        </Show>
                        <span class="ellipsis">{hit.label}</span>
                        <span class={styles["hint"]}>{hit.hint}</span>
                      </li>
                    </>
                  )}
                </For>
              </ul>
            </Show>
          </Dialog.Content>
        </div>
      </Dialog.Portal>
    </Dialog>
  );
}
