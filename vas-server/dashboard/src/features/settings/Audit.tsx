/** Who did what, and who was not let. */

import { useInfiniteQuery } from "@tanstack/solid-query";
import { createSignal, For, Show } from "solid-js";
import { nextOffset } from "../../api/captures";
import { call } from "../../api/client";
import type { Pagination } from "../../api/types";
import { t } from "../../i18n";
import { dateTime } from "../../i18n/time";
import { Button } from "../../ui/Button";
import { TextField } from "../../ui/fields";
import { Panel } from "../../ui/Panel";
import { Seg } from "../../ui/Seg";
import { EmptyState, QueryStates } from "../../ui/States";
import { StatusGlyph } from "../../ui/Status";
import styles from "./settings.module.css";

interface Entry {
  readonly id: string;
  readonly at: string;
  readonly actor: string;
  readonly action: string;
  readonly target: string | null;
  readonly allowed: boolean;
  readonly address: string | null;
}

interface EntryList {
  readonly entries: readonly Entry[];
  readonly pagination: Pagination;
}

type Shown = "all" | "refused";

const PAGE = 50;

export default function Audit() {
  const [actor, setActor] = createSignal("");
  const [shown, setShown] = createSignal<Shown>("all");
  const audit = useInfiniteQuery(() => ({
    queryKey: ["audit", actor(), shown()],
    queryFn: ({ pageParam, signal }) =>
      call<EntryList>("/v2/audit", { query: { limit: PAGE, offset: pageParam, actor: actor() || null, allowed: shown() === "refused" ? false : null }, signal }),
    initialPageParam: 0,
    getNextPageParam: (last: EntryList) => nextOffset(last.pagination.offset + last.entries.length, last.pagination.total),
  }));
  return (
    <Panel title={t("settings.tab.audit")}>
      <div class={styles["filters"]}>
        <TextField label={t("settings.actor")} hideLabel type="search" placeholder={t("settings.actor")} value={actor()} onInput={setActor} />
        <Seg label={t("settings.shown")} value={shown()} options={[{ value: "all", label: t("devices.all") }, { value: "refused", label: t("settings.refused") }]} onChange={setShown} />
      </div>
      <QueryStates query={audit} rows={8} isEmpty={(data) => data.pages[0]?.entries.length === 0} empty={<EmptyState text={t("settings.noEntries")} />}>
        {(data) => (
          <div class={styles["scroll"]} tabIndex={0} role="group" aria-label={t("settings.tab.audit")}>
            <table class={styles["table"]}>
              <thead>
                <tr>
                  <th scope="col">{t("capture.time")}</th>
                  <th scope="col">{t("settings.actor")}</th>
                  <th scope="col">{t("settings.action")}</th>
                  <th scope="col">{t("settings.target")}</th>
                  <th scope="col">{t("settings.address")}</th>
                </tr>
              </thead>
              <tbody>
                <For each={data().pages.flatMap((page) => page.entries)}>
                  {(entry) => (
                    <tr>
                      <td class={styles["nowrap"]}>{dateTime(entry.at)}</td>
                      <td><b>{entry.actor}</b></td>
                      <td>
                        <Show when={!entry.allowed}><StatusGlyph status="bad" silent /> <span class="t2">{t("settings.refused")} </span></Show>
                        {entry.action}
                      </td>
                      <td class="t2">{entry.target}</td>
                      <td class="t2">{entry.address}</td>
                    </tr>
                  )}
                </For>
              </tbody>
            </table>
          </div>
        )}
      </QueryStates>
      <Show when={audit.hasNextPage}>
        <div class={styles["moreRow"]}>
          <Button busy={audit.isFetchingNextPage} onClick={() => void audit.fetchNextPage()}>{t("do.more")}</Button>
        </div>
      </Show>
    </Panel>
  );
}
