/** `/devices` and `/devices/:id`: all cameras, and one of them beside the list. */

import { useNavigate, useParams, useSearchParams } from "@solidjs/router";
import { Plus } from "lucide-solid";
import { createMemo, createSignal, Show } from "solid-js";
import { useDevices, useStreams } from "../../api/queries";
import { can } from "../../api/session";
import type { Device, Stream } from "../../api/types";
import { t } from "../../i18n";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { TextField } from "../../ui/fields";
import { PageHead } from "../../ui/PageHead";
import { Seg } from "../../ui/Seg";
import { EmptyState, QueryStates } from "../../ui/States";
import { doWith, type BulkAction } from "./actions";
import { AddWizard } from "./AddWizard";
import { DeviceDrawer } from "./DeviceDrawer";
import { DeviceTable } from "./DeviceTable";
import styles from "./devices.module.css";
import { COLUMNS, matches, rowsOf, sorted, type Column, type Sort, type StatusFilter } from "./rows";

const one = (value: string | string[] | undefined): string => (typeof value === "string" ? value : "");

function SelectionBar(props: { readonly selected: ReadonlySet<string>; readonly onDone: () => void }) {
  const [busy, setBusy] = createSignal(false);
  const [asking, setAsking] = createSignal(false);
  const run = async (action: BulkAction): Promise<void> => {
    setBusy(true);
    await doWith(action, [...props.selected]);
    setBusy(false);
    setAsking(false);
    props.onDone();
  };
  return (
    <div class={styles["selection"]} role="toolbar" aria-label={t("devices.selected", { n: props.selected.size })}>
      <b>{t("devices.selected", { n: props.selected.size })}</b>
      <Button size="small" busy={busy()} onClick={() => void run("start")}>{t("devices.start")}</Button>
      <Button size="small" busy={busy()} onClick={() => void run("stop")}>{t("devices.stop")}</Button>
      <Button size="small" busy={busy()} onClick={() => void run("record")}>{t("devices.record")}</Button>
      <Button size="small" busy={busy()} onClick={() => void run("unrecord")}>{t("devices.unrecord")}</Button>
      <Button size="small" look="danger" busy={busy()} onClick={() => setAsking(true)}>{t("do.delete")}</Button>
      <Button size="small" look="quiet" onClick={() => props.onDone()}>{t("do.cancel")}</Button>
      <Dialog
        open={asking()}
        onClose={() => setAsking(false)}
        title={t("devices.deleteMany", { n: props.selected.size })}
        footer={
          <>
            <Button onClick={() => setAsking(false)}>{t("do.cancel")}</Button>
            <Button look="danger" busy={busy()} onClick={() => void run("delete")}>{t("do.delete")}</Button>
          </>
        }
      >
        <p>{t("devices.deleteText")}</p>
      </Dialog>
    </div>
  );
}

function List(props: { readonly devices: readonly Device[]; readonly streams: readonly Stream[] }) {
  const [search, setSearch] = useSearchParams();
  const params = useParams();
  const navigate = useNavigate();
  const [selected, setSelected] = createSignal<ReadonlySet<string>>(new Set());
  const sort = createMemo((): Sort => ({
    by: COLUMNS.find((column) => column === one(search["sort"])) ?? "name",
    down: search["dir"] === "down",
  }));
  const status = (): StatusFilter => {
    const wanted = one(search["status"]);
    return wanted === "problem" || wanted === "live" || wanted === "off" ? wanted : "all";
  };
  const all = createMemo(() => rowsOf(props.devices, props.streams));
  const rows = createMemo(() => sorted(all().filter((row) => matches(row, one(search["q"]), status())), sort()));
  const open = createMemo(() => all().find((row) => row.device.id === params["id"]));
  const sortBy = (by: Column): void => {
    const down = sort().by === by && !sort().down;
    setSearch({ sort: by === "name" ? null : by, dir: down ? "down" : null }, { replace: true });
  };
  const kept = (): string => {
    const pairs = Object.entries({ q: one(search["q"]), status: one(search["status"]), sort: one(search["sort"]), dir: one(search["dir"]) });
    const text = new URLSearchParams(pairs.filter(([, value]) => value !== "")).toString();
    return text === "" ? "" : "?" + text;
  };
  return (
    <div class={styles["page"]}>
      <div class={styles["tools"]}>
        <TextField label={t("devices.search")} hideLabel type="search" placeholder={t("devices.search")} value={one(search["q"])} onInput={(value) => setSearch({ q: value || null }, { replace: true })} class={styles["searchField"] ?? ""} />
        <Seg
          label={t("devices.filter")}
          value={status()}
          options={[
            { value: "all", label: t("devices.all") },
            { value: "live", label: t("devices.live") },
            { value: "problem", label: t("devices.problems") },
            { value: "off", label: t("devices.off") },
          ]}
          onChange={(value) => setSearch({ status: value === "all" ? null : value }, { replace: true })}
        />
        <span class="t3">{t("devices.count", { n: rows().length })}</span>
      </div>
      <Show when={selected().size > 0}>
        <SelectionBar selected={selected()} onDone={() => setSelected(new Set<string>())} />
      </Show>
      <Show when={rows().length > 0} fallback={<EmptyState text={t("devices.noMatch")} action={<Button onClick={() => setSearch({ q: null, status: null })}>{t("do.clear")}</Button>} />}>
        <DeviceTable rows={rows()} sort={sort()} onSort={sortBy} selected={selected()} onSelect={setSelected} selectable={can("streams:write")} search={kept()} />
      </Show>
      <Show when={params["id"] && open()} keyed={false}>
        {(row) => (
          <DeviceDrawer
            row={row() as NonNullable<ReturnType<typeof open>>}
            editing={search["edit"] === "1" && can("streams:write")}
            onEdit={(editing) => setSearch({ edit: editing ? "1" : null }, { replace: true })}
            onClose={() => navigate(`/devices${kept()}`)}
          />
        )}
      </Show>
      <Show when={params["id"] && !open()}>
        <Dialog open title={t("state.cameraGone")} onClose={() => navigate(`/devices${kept()}`)}>
          <Button onClick={() => navigate("/devices")}>{t("devices.showAll")}</Button>
        </Dialog>
      </Show>
    </div>
  );
}

export default function Devices() {
  const [search, setSearch] = useSearchParams();
  const devices = useDevices();
  const streams = useStreams();
  const add = (
    <Show when={can("streams:write")}>
      <Button look="ink" icon={Plus} onClick={() => setSearch({ add: "1" })}>{t("devices.add")}</Button>
    </Show>
  );
  return (
    <>
      <PageHead title={t("devices.title")}>
        <span class={styles["space"]} />
        <Show when={can("streams:write")}>
          <Button look="ink" icon={Plus} aria-label={t("devices.add")} onClick={() => setSearch({ add: "1" })}>
            <span class={styles["addLabel"]}>{t("devices.add")}</span>
          </Button>
        </Show>
      </PageHead>
      <QueryStates query={devices} rows={10} isEmpty={(data) => data.length === 0} empty={<EmptyState text={t("devices.none")} action={add} />}>
        {(data) => <List devices={data()} streams={streams.data ?? []} />}
      </QueryStates>
      <Show when={search["add"] === "1" && can("streams:write")}>
        <AddWizard onClose={() => setSearch({ add: null })} />
      </Show>
    </>
  );
}
