/** The list of keyboard shortcuts, under `?`. */

import { For } from "solid-js";
import { t, type Key } from "../i18n";
import { Dialog } from "../ui/Dialog";
import { keysOf, shortcuts, type Shortcut } from "../ui/keys";
import { helpOpen, setHelpOpen } from "./help-open";
import styles from "./Shell.module.css";

/** The strokes of a shortcut as a keyboard names them. */
export function keyCaps(keys: string): readonly string[] {
  const names: Readonly<Record<string, string>> = {
    ctrl: "Ctrl", alt: "Alt", shift: "Shift", ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", Escape: "Esc",
  };
  return keys.split(/ |\+(?=.)/).map((key) => names[key] ?? (key.length === 1 ? key.toUpperCase() : key));
}

export default function Help() {
  const groups = (): [Key, Shortcut[]][] => {
    const found = new Map<Key, Shortcut[]>();
    for (const shortcut of shortcuts()) found.set(shortcut.group, [...(found.get(shortcut.group) ?? []), shortcut]);
    return [...found];
  };
  return (
    <Dialog open={helpOpen()} onClose={() => setHelpOpen(false)} title={t("keys.title")} wide>
      <div class={styles["keys"]}>
        <For each={groups()}>
          {([group, list]) => (
            <section>
              <h3>{t(group)}</h3>
              <dl>
                <For each={list}>
                  {(shortcut) => (
                    <div class={styles["keyRow"]}>
                      <dt>{t(shortcut.label)}</dt>
                      <dd>
                        <For each={keyCaps(keysOf(shortcut))}>{(cap) => <kbd class={styles["kbd"]}>{cap}</kbd>}</For>
                      </dd>
                    </div>
                  )}
                </For>
              </dl>
            </section>
          )}
        </For>
      </div>
    </Dialog>
  );
}
