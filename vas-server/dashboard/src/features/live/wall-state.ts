/** What the wall shows: of the address, of the saved views, and of the cameras that there are. */

import { useNavigate, useParams, useSearchParams } from "@solidjs/router";
import { createMemo, createSignal, type Accessor } from "solid-js";
import type { Stream } from "../../api/types";
import { capacity, isLayout, layoutFor, readPlaces, resized, swapped, writePlaces, type LayoutId, type Place } from "./layouts";
import type { View } from "./views";

const FIRST_MOST = 64;

function text(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}

export interface WallSources {
  readonly streams: Accessor<readonly Stream[]>;
  readonly views: Accessor<readonly View[]>;
  readonly groupOf: (stream: Stream) => string | null;
  readonly isPhone: Accessor<boolean>;
}

export function createWallState({ streams, views, groupOf, isPhone }: WallSources) {
  const params = useParams<{ view?: string }>();
  const [search, setSearch] = useSearchParams<Record<string, string>>();
  const navigate = useNavigate();
  const [editing, setEditing] = createSignal(false);
  const [selected, select] = createSignal<string | null>(null);

  const view = createMemo(() => views().find(({ id }) => id === params.view) ?? null);
  /** Every camera of the view, in its order; cameras that have gone are left out. */
  const places = createMemo((): readonly Place[] => {
    const own = text(search["tiles"]);
    const given = own !== undefined ? readPlaces(own) : view()?.tiles.flatMap(({ stream_id, w, h }): Place[] =>
      stream_id === null ? [] : [w && h ? { stream: stream_id, w, h } : { stream: stream_id }]) ?? null;
    const group = text(search["group"]);
    if (!given) return streams().filter(({ state }) => state !== "CLOSED").filter((stream) => !group || groupOf(stream) === group).map(({ id }) => ({ stream: id }));
    const known = new Set(streams().map(({ id }) => id));
    return given.filter(({ stream }) => known.has(stream));
  });
  const layout = createMemo((): LayoutId => {
    const own = text(search["layout"]);
    if (isLayout(own)) return own;
    const saved = view()?.layout;
    return isLayout(saved) ? saved : layoutFor(places().length);
  });
  const perPage = () => (isPhone() ? 12 : Math.min(FIRST_MOST, capacity(layout())));
  const pages = () => Math.max(1, Math.ceil(places().length / perPage()));
  const page = () => Math.min(pages() - 1, Math.max(0, Number(text(search["page"]) ?? 1) - 1 || 0));
  const shown = createMemo(() => places().slice(page() * perPage(), (page() + 1) * perPage()));
  const zoomed = () => text(search["zoom"]) ?? null;

  const change = (next: readonly Place[], layoutToo: LayoutId = layout()) => setSearch({ tiles: writePlaces(next), layout: layoutToo }, { replace: true });
  const index = (stream: string) => places().findIndex((place) => place.stream === stream);

  return {
    view, places, layout, shown, page, pages, zoomed, editing, setEditing,
    selected: () => selected() ?? shown()[0]?.stream ?? null,
    select,
    kiosk: () => text(search["kiosk"]) === "1",
    group: () => text(search["group"]) ?? null,
    setGroup: (group: string | null) => setSearch({ group, page: null }, { replace: true }),
    setLayout: (next: LayoutId) => setSearch({ layout: next, page: null, zoom: null }, { replace: true }),
    setPage: (next: number) => setSearch({ page: next === 0 ? null : String(((next % pages()) + pages()) % pages() + 1) }, { replace: true }),
    zoom: (stream: string | null) => setSearch({ zoom: stream === zoomed() ? null : stream }),
    openView: (id: string | null) => navigate(id ? `/live/${id}` : "/live"),
    swap: (a: string, b: string) => change(swapped(places(), index(a), index(b))),
    resize: (stream: string, by: 1 | -1) => change(resized(places(), index(stream), by), "custom"),
    remove: (stream: string) => change(places().filter((place) => place.stream !== stream)),
    add: (stream: string) => change([...places(), { stream }]),
  };
}

export type WallState = ReturnType<typeof createWallState>;
