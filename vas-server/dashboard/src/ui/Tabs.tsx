/** Tabs above a panel. */

import { Tabs as Root } from "@kobalte/core/tabs";
import { For, Show, type JSX } from "solid-js";
import styles from "./Tabs.module.css";
import { cx } from "./cx";

export interface TabItem {
  readonly value: string;
  readonly label: string;
  readonly count?: number | undefined;
  readonly content: () => JSX.Element;
}

interface TabsProps {
  readonly label: string;
  readonly value: string;
  readonly items: readonly TabItem[];
  readonly onChange: (value: string) => void;
  readonly class?: string;
}

export function Tabs(props: TabsProps) {
  return (
    <Root class={cx(styles["tabs"], props.class)} value={props.value} onChange={(value) => props.onChange(value)}>
      <Root.List class={styles["list"]} aria-label={props.label}>
        <For each={props.items}>
          {(item) => (
            <Root.Trigger class={styles["tab"]} value={item.value}>
              {item.label}
              <Show when={item.count !== undefined}>
                <span class="t3">{item.count}</span>
              </Show>
            </Root.Trigger>
          )}
        </For>
      </Root.List>
      <For each={props.items}>
        {(item) => (
          <Root.Content class={styles["content"]} value={item.value}>
            {item.content()}
          </Root.Content>
        )}
      </For>
    </Root>
  );
}
