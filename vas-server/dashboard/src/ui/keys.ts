/**
 * Keyboard shortcuts. A component registers its own while it is there; the list under `?` shows all of them, and the
 * preference `keys` gives them other keys. Off while a text is being typed and while a dialog is open.
 */

import { createSignal, onCleanup, onMount } from "solid-js";
import type { Key } from "../i18n";
import { preferences } from "../api/preferences";

export interface Shortcut {
  /** Stable, for remapping. */
  readonly id: string;
  /** Such as "b", "shift+ArrowLeft", "ctrl+k", "Space", "?", or two strokes: "g l". */
  readonly keys: string;
  readonly label: Key;
  readonly group: Key;
  readonly run: (event: KeyboardEvent) => void;
}

const [shortcuts, setShortcuts] = createSignal<readonly Shortcut[]>([]);

/** All shortcuts that hold at the moment. */
export { shortcuts };

/** Time within which the second stroke must come, in milliseconds. */
const SEQUENCE = 1_200;

/** The keys of a shortcut: the user's own, if there are. */
export function keysOf(shortcut: Pick<Shortcut, "id" | "keys">): string {
  const own = preferences["keys"] as Readonly<Record<string, string>> | undefined;
  return own?.[shortcut.id] ?? shortcut.keys;
}

/** One stroke of an event, written as shortcuts are. */
export function strokeOf(event: Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "altKey" | "shiftKey">): string {
  const key = event.key === " " ? "Space" : event.key.length === 1 ? event.key.toLowerCase() : event.key;
  // Of signs such as ? the shift key is part already.
  const shift = event.shiftKey && (event.key.length > 1 || /[a-z]/i.test(event.key));
  return (event.ctrlKey || event.metaKey ? "ctrl+" : "") + (event.altKey ? "alt+" : "") + (shift ? "shift+" : "") + key;
}

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || target.matches("input:not([type=radio]):not([type=checkbox]), textarea, select");
}

/** Whether a key already does something where the focus is: a button takes Space, a list the arrows. */
function isTaken(event: KeyboardEvent): boolean {
  const { target, key } = event;
  if (!(target instanceof HTMLElement)) return false;
  if (target.closest("[role=dialog], [role=menu], [role=listbox]")) return true;
  const presses = key === " " || key === "Enter";
  if (presses && target.matches("button, a, [role=button], [role=tab], [role=option], input")) return true;
  return key.startsWith("Arrow") && target.matches("input, [role=tab], [role=radio], [role=slider]");
}

let first = "";
let firstAt = 0;

function handle(event: KeyboardEvent): void {
  if (event.defaultPrevented || isTyping(event.target) && !event.ctrlKey && !event.metaKey) return;
  const stroke = strokeOf(event);
  const now = event.timeStamp;
  const sequence = now - firstAt < SEQUENCE ? `${first} ${stroke}` : stroke;
  const all = shortcuts();
  // The newest wins: a page's own before the shell's.
  const found = all.findLast((one) => keysOf(one) === sequence) ?? all.findLast((one) => keysOf(one) === stroke);
  first = all.some((one) => keysOf(one).startsWith(stroke + " ")) ? stroke : "";
  firstAt = now;
  if (!found || isTaken(event)) return;
  event.preventDefault();
  first = "";
  found.run(event);
}

let users = 0;

/** Registers shortcuts for as long as the component is there. */
export function useShortcuts(own: readonly Shortcut[]): void {
  onMount(() => {
    if (users++ === 0) document.addEventListener("keydown", handle);
    setShortcuts((all) => [...all, ...own]);
  });
  onCleanup(() => {
    setShortcuts((all) => all.filter((one) => !own.includes(one)));
    if (--users === 0) document.removeEventListener("keydown", handle);
  });
}
