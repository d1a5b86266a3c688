/** The wall's keys. */

import { useShortcuts, type Shortcut } from "../../ui/keys";
import { LAYOUTS, type LayoutId } from "./layouts";

export type Arrow = "ArrowLeft" | "ArrowRight" | "ArrowUp" | "ArrowDown";

interface Actions {
  readonly move: (direction: Arrow, event: KeyboardEvent) => void;
  readonly zoom: () => void;
  readonly back: () => void;
  readonly layout: (layout: LayoutId) => void;
  readonly page: (step: number) => void;
  readonly fullScreen: () => void;
  readonly sound: () => void;
  readonly snapshot: () => void;
  readonly bookmark: () => void;
}

export function useWallKeys(actions: Actions): void {
  const group = "keys.live" as const;
  const arrows: readonly Arrow[] = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"];
  const list: Shortcut[] = [
    ...arrows.flatMap((key): Shortcut[] => ["", "shift+"].map((shift) => ({
      id: `live${shift}${key}`, keys: shift + key, label: "keys.live.move", group, run: (event) => actions.move(key, event),
    }))),
    ...LAYOUTS.map((layout, index): Shortcut => ({
      id: `live.layout${String(index + 1)}`, keys: String(index + 1), label: "keys.live.layout", group, run: () => actions.layout(layout),
    })),
    { id: "live.zoom", keys: "Enter", label: "keys.live.zoom", group, run: () => actions.zoom() },
    { id: "live.back", keys: "Escape", label: "keys.live.back", group, run: () => actions.back() },
    { id: "live.full", keys: "f", label: "keys.live.full", group, run: () => actions.fullScreen() },
    { id: "live.sound", keys: "m", label: "keys.live.sound", group, run: () => actions.sound() },
    { id: "live.snapshot", keys: "s", label: "keys.live.snapshot", group, run: () => actions.snapshot() },
    { id: "live.bookmark", keys: "b", label: "keys.live.bookmark", group, run: () => actions.bookmark() },
    { id: "live.next", keys: "PageDown", label: "keys.live.page", group, run: () => actions.page(1) },
    { id: "live.previous", keys: "PageUp", label: "keys.live.page", group, run: () => actions.page(-1) },
  ];
  useShortcuts(list);
}
