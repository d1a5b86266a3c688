/**
 * A grid of pictures with words below: bookmarks and snapshots. Only the rows in view are made; more are asked for
 * when the end comes near.
 */

import { For, Show, type JSX } from "solid-js";
import styles from "./CaptureGrid.module.css";
import { cx } from "./cx";
import { createWindow } from "./virtual";

export interface CaptureCard {
  readonly id: string;
  readonly title: string;
  readonly below: string;
  /** Address of the picture; null while there is none. */
  readonly picture: string | null;
  /** In place of the picture, such as why there is none. */
  readonly note: string | null;
  readonly corner?: string;
}

interface CaptureGridProps {
  readonly label: string;
  readonly cards: readonly CaptureCard[];
  readonly selected: ReadonlySet<string>;
  readonly selectLabel: (card: CaptureCard) => string;
  readonly onSelect?: (ids: ReadonlySet<string>) => void;
  readonly onOpen: (id: string) => void;
  readonly onEnd?: () => void;
  readonly footer?: JSX.Element;
}

/** Least width of a card, and on phones. */
const LEAST = 236;
const NARROW = 160;
const GAP = 12;
/** Words and gap below a picture. */
const WORDS = 62;

export function CaptureGrid(props: CaptureGridProps) {
  const columnsAt = (width: number): number => Math.max(1, Math.floor((width - 32 + GAP) / ((width < 600 ? NARROW : LEAST) + GAP)));
  const cellAt = (width: number): number => (width - 32 - GAP * (columnsAt(width) - 1)) / columnsAt(width);
  const heightAt = (width: number): number => Math.max(120, Math.round((cellAt(width) * 9) / 16 + WORDS));
  const view = createWindow((width) => Math.ceil(props.cards.length / columnsAt(width)), heightAt, () => props.onEnd?.());
  const columns = (): number => columnsAt(view.width());
  const cell = (): number => cellAt(view.width());
  const rowHeight = (): number => heightAt(view.width());
  const toggle = (id: string): void => {
    const next = new Set(props.selected);
    if (!next.delete(id)) next.add(id);
    props.onSelect?.(next);
  };
  return (
    <div class={styles["scroller"]} ref={view.ref} tabIndex={0} role="group" aria-label={props.label}>
      <ul class={styles["canvas"]} style={{ height: `${String(view.total())}px` }}>
        <For each={[...view.places()]}>
          {(row) => (
            <For each={props.cards.slice(row * columns(), (row + 1) * columns())}>
              {(card, place) => (
                <li
                  class={cx(styles["card"], props.selected.has(card.id) && styles["chosen"])}
                  data-id={card.id}
                  style={{
                    width: `${String(cell())}px`,
                    transform: `translate(${String(16 + place() * (cell() + GAP))}px, ${String(row * rowHeight())}px)`,
                  }}
                >
                  <button type="button" class={styles["open"]} onClick={() => props.onOpen(card.id)}>
                    <span class={styles["picture"]}>
                      <Show when={card.picture} fallback={<span class={styles["note"]}>{card.note}</span>}>
                        {(picture) => <img src={picture()} alt="" loading="lazy" decoding="async" />}
                      </Show>
                      <Show when={card.corner}>
                        <span class={styles["corner"]}>{card.corner}</span>
                      </Show>
                    </span>
                    <span class={cx(styles["title"], "ellipsis")}>{card.title}</span>
                    <span class={cx(styles["below"], "ellipsis")}>{card.below}</span>
                  </button>
                  <Show when={props.onSelect}>
                    <input
                      type="checkbox"
                      class={styles["check"]}
                      checked={props.selected.has(card.id)}
                      onChange={() => toggle(card.id)}
                      aria-label={props.selectLabel(card)}
                    />
                  </Show>
                </li>
              )}
            </For>
          )}
        </For>
      </ul>
      {props.footer}
    </div>
  );
}
