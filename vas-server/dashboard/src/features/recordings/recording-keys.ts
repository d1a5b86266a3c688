/** The player's keys. */

import { useShortcuts, type Shortcut } from "../../ui/keys";

interface Actions {
  readonly toggle: () => void;
  readonly stop: () => void;
  readonly shuttle: (direction: 1 | -1) => void;
  readonly jump: (ms: number) => void;
  readonly step: (frames: number) => void;
  readonly event: (direction: 1 | -1) => void;
  readonly zoom: (factor: number) => void;
  readonly live: () => void;
  readonly end: (end: "from" | "to") => void;
  readonly bookmark: () => void;
  readonly snapshot: () => void;
}

const STEP_MS = 5_000;
const LONG_STEP_MS = 60_000;
const ZOOM = 0.7;

export function useRecordingKeys(actions: Actions): void {
  const key = (keys: string, label: Shortcut["label"], run: () => void): Shortcut => ({
    id: `rec.${keys}`, keys, label, group: "keys.recordings", run,
  });
  useShortcuts([
    key("Space", "keys.rec.play", () => actions.toggle()),
    key("j", "keys.rec.backwards", () => actions.shuttle(-1)),
    key("k", "keys.rec.stop", () => actions.stop()),
    key("l", "keys.rec.faster", () => actions.shuttle(1)),
    key("ArrowLeft", "keys.rec.step5", () => actions.jump(-STEP_MS)),
    key("ArrowRight", "keys.rec.step5", () => actions.jump(STEP_MS)),
    key("shift+ArrowLeft", "keys.rec.minute", () => actions.jump(-LONG_STEP_MS)),
    key("shift+ArrowRight", "keys.rec.minute", () => actions.jump(LONG_STEP_MS)),
    key(",", "keys.rec.frame", () => actions.step(-1)),
    key(".", "keys.rec.frame", () => actions.step(1)),
    key("[", "keys.rec.event", () => actions.event(-1)),
    key("]", "keys.rec.event", () => actions.event(1)),
    key("+", "keys.rec.zoom", () => actions.zoom(ZOOM)),
    key("-", "keys.rec.zoom", () => actions.zoom(1 / ZOOM)),
    key("n", "keys.rec.live", () => actions.live()),
    key("i", "keys.rec.in", () => actions.end("from")),
    key("o", "keys.rec.out", () => actions.end("to")),
    key("b", "keys.rec.bookmark", () => actions.bookmark()),
    key("s", "keys.rec.snapshot", () => actions.snapshot()),
  ]);
}
