/** The wall's tools: which view, which layout, and what acts on all tiles. */

import { ChevronDown, ChevronLeft, ChevronRight, Grid2x2, Maximize, Pencil, Plus, Repeat, Save, Trash2, Volume2, VolumeX } from "lucide-solid";
import { createMemo, createSignal, For, lazy, Show, Suspense } from "solid-js";
import type { Stream } from "../../api/types";
import { t } from "../../i18n";
import { IconButton } from "../../ui/Button";
import { cx } from "../../ui/cx";
import { Menu, type MenuItem } from "../../ui/Menu";
import { PageHead } from "../../ui/PageHead";
import { Seg } from "../../ui/Seg";
import { sentenceOf } from "../../ui/States";
import { toast } from "../../ui/toast";
import { LayoutGlyph } from "./glyphs";
import { capacity, LAYOUTS, type LayoutId } from "./layouts";
import { changeViews, type View } from "./views";
import styles from "./Wall.module.css";
import type { WallState } from "./wall-state";

const NameView = lazy(() => import("./NameView"));

interface WallHeadProps {
  readonly state: WallState;
  readonly views: readonly View[];
  readonly streams: readonly Stream[];
  readonly groups: readonly string[];
  readonly touring: boolean;
  readonly audible: boolean;
  readonly isPhone: boolean;
  readonly onTour: () => void;
  readonly onMute: () => void;
  readonly onFullScreen: () => void;
}

function layoutName(layout: LayoutId): string {
  if (layout === "custom") return t("live.layout.custom");
  const n = capacity(layout);
  return layout.includes("+") ? t("live.layout.focus", { n: n - 1 }) : t("live.layout.grid", { n });
}

export function WallHead(props: WallHeadProps) {
  const [naming, setNaming] = createSignal(false);
  const tiles = () => props.state.places().map(({ stream, w, h }) => ({ stream_id: stream, ...(w && h ? { w, h } : {}) }));
  const save = async (id: string, title: string): Promise<void> => {
    const view: View = { id, name: title, layout: props.state.layout(), tiles: tiles() };
    try {
      await changeViews((views) => (views.some((one) => one.id === id) ? views.map((one) => (one.id === id ? view : one)) : [...views, view]));
      setNaming(false);
      props.state.openView(id);
      toast({ text: t("live.viewSaved"), kind: "ok" });
    } catch (error) {
      toast({ text: sentenceOf(error), kind: "bad" });
    }
  };
  const drop = async (id: string): Promise<void> => {
    try {
      await changeViews((views) => views.filter((view) => view.id !== id));
      props.state.openView(null);
      toast({ text: t("live.viewDeleted") });
    } catch (error) {
      toast({ text: sentenceOf(error), kind: "bad" });
    }
  };
  const viewItems = createMemo((): readonly MenuItem[] => {
    const current = props.state.view();
    return [
      { label: t("live.allCameras"), checked: current === null, onSelect: () => props.state.openView(null) },
      ...props.views.map((view): MenuItem => ({ label: view.name, checked: current?.id === view.id, onSelect: () => props.state.openView(view.id) })),
      { label: t("live.saveView"), icon: Plus, separated: true, onSelect: () => setNaming(true) },
      ...(current ? [
        { label: t("live.updateView", { name: current.name }), icon: Save, onSelect: () => void save(current.id, current.name) },
        { label: t("live.deleteView", { name: current.name }), icon: Trash2, danger: true, onSelect: () => void drop(current.id) },
      ] : []),
    ];
  });
  const missing = createMemo(() => {
    const shown = new Set(props.state.places().map(({ stream }) => stream));
    return props.streams.filter(({ id, state }) => !shown.has(id) && state !== "CLOSED");
  });
  const layoutItems = () => LAYOUTS.map((layout): MenuItem => ({
    label: layoutName(layout), checked: props.state.layout() === layout, onSelect: () => props.state.setLayout(layout),
  }));
  const chips = () => [
    { id: null, label: t("live.chip.all", { n: props.streams.length }), on: props.state.group() === null && props.state.view() === null, run: () => props.state.openView(null) },
    ...props.groups.map((group) => ({ id: group, label: group, on: props.state.group() === group, run: () => props.state.setGroup(group) })),
    ...props.views.map((view) => ({ id: view.id, label: view.name, on: props.state.view()?.id === view.id, run: () => props.state.openView(view.id) })),
  ];

  return (
    <>
      <PageHead title={t("live.title")}>
        <Show when={!props.isPhone} fallback={
          <span class={styles["tools"]}>
            <Menu triggerLabel={t("live.layout")} trigger={<Grid2x2 size={20} />} items={layoutItems()} />
          </span>
        }>
          <Menu
            triggerLabel={t("live.views")}
            triggerClass={styles["viewButton"] ?? ""}
            placement="bottom-start"
            trigger={<><span class={cx("ellipsis", styles["viewName"])}>{props.state.view()?.name ?? props.state.group() ?? t("live.allCameras")}</span><ChevronDown size={14} /></>}
            items={viewItems()}
          />
          <span class={styles["glyphs"]}>
            <Seg
              label={t("live.layout")}
              value={props.state.layout()}
              onChange={(layout) => props.state.setLayout(layout)}
              options={LAYOUTS.filter((layout) => layout !== "custom" || props.state.layout() === "custom").map((layout) => ({
                value: layout, label: <LayoutGlyph layout={layout} />, name: layoutName(layout),
              }))}
            />
          </span>
          <span class={styles["tools"]}>
            <IconButton icon={Pencil} iconSize={17} label={t("live.edit")} pressed={props.state.editing()} onClick={() => props.state.setEditing(!props.state.editing())} />
            <Show when={props.state.editing() && missing().length > 0}>
              <Menu triggerLabel={t("live.add")} trigger={<Plus size={17} />} items={missing().map((stream) => ({ label: stream.name, onSelect: () => props.state.add(stream.id) }))} />
            </Show>
            <Show when={props.state.pages() > 1}>
              <IconButton icon={Repeat} iconSize={17} label={t("live.tour")} pressed={props.touring} onClick={() => props.onTour()} />
            </Show>
            <IconButton icon={props.audible ? Volume2 : VolumeX} label={t("live.muteAll")} disabled={!props.audible} onClick={() => props.onMute()} />
            <IconButton icon={Maximize} iconSize={17} label={t("live.fullScreen")} shortcut="F" onClick={() => props.onFullScreen()} />
          </span>
          <Show when={props.state.pages() > 1}>
            <span class={styles["pages"]}>
              <IconButton icon={ChevronLeft} size="small" label={t("live.previousPage")} onClick={() => props.state.setPage(props.state.page() - 1)} />
              {t("live.page", { page: props.state.page() + 1, pages: props.state.pages() })}
              <IconButton icon={ChevronRight} size="small" label={t("live.nextPage")} onClick={() => props.state.setPage(props.state.page() + 1)} />
            </span>
          </Show>
        </Show>
      </PageHead>
      <Show when={props.isPhone}>
        <div class={styles["chips"]}>
          <For each={chips()}>
            {(chip) => (
              <button type="button" class={cx(styles["chip"], chip.on && styles["chipOn"])} aria-pressed={chip.on} onClick={() => chip.run()}>
                {chip.label}
              </button>
            )}
          </For>
        </div>
      </Show>
      <Show when={naming()}>
        <Suspense><NameView onClose={() => setNaming(false)} onSave={(name) => void save(crypto.randomUUID(), name)} /></Suspense>
      </Show>
    </>
  );
}
