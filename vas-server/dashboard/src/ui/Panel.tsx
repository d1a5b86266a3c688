/** A framed part of a page with a heading. */

import { Show, splitProps, type JSX } from "solid-js";
import styles from "./Panel.module.css";
import { cx } from "./cx";

interface PanelProps {
  readonly title?: JSX.Element;
  /** Beside the title, such as a number. */
  readonly note?: JSX.Element;
  /** At the end of the heading. */
  readonly tools?: JSX.Element;
  readonly class?: string;
  readonly label?: string;
  readonly children: JSX.Element;
}

export function Panel(props: PanelProps) {
  const [own] = splitProps(props, ["title", "note", "tools", "class", "label", "children"]);
  return (
    <section class={cx(styles["panel"], own.class)} aria-label={own.label}>
      <Show when={own.title}>
        <header class={styles["head"]}>
          <h2>{own.title}</h2>
          <Show when={own.note !== undefined}>
            <span class={styles["note"]}>{own.note}</span>
          </Show>
          <span class={styles["space"]} />
          {own.tools}
        </header>
      </Show>
      {own.children}
    </section>
  );
}
