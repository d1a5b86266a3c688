/** A menu of actions behind a button. */

import { DropdownMenu as Root } from "@kobalte/core/dropdown-menu";
import { For, Show, type JSX } from "solid-js";
import { Dynamic } from "solid-js/web";
import type { IconType } from "./Button";
import styles from "./floating.module.css";
import { cx } from "./cx";

export interface MenuItem {
  readonly label: string;
  readonly icon?: IconType;
  readonly onSelect: () => void;
  readonly danger?: boolean;
  readonly disabled?: boolean;
  /** Set for an item that is one of several to choose from. */
  readonly checked?: boolean;
  readonly hint?: string;
  /** Draws a line above it. */
  readonly separated?: boolean;
}

interface MenuProps {
  readonly trigger: JSX.Element;
  readonly triggerLabel?: string;
  readonly triggerClass?: string;
  readonly items: readonly MenuItem[];
  /** Above the items, such as the name of the user. */
  readonly header?: JSX.Element;
  readonly placement?: "bottom-start" | "bottom-end" | "top-start" | "top-end";
}

export function Menu(props: MenuProps) {
  return (
    <Root gutter={6} placement={props.placement ?? "bottom-end"}>
      <Root.Trigger class={cx(styles["trigger"], props.triggerClass)} aria-label={props.triggerLabel}>
        {props.trigger}
      </Root.Trigger>
      <Root.Portal>
        <Root.Content class={styles["menu"]}>
          <Show when={props.header}>
            <div class={styles["menuHeader"]}>{props.header}</div>
          </Show>
          <For each={props.items}>
            {(item) => (
              <>
                <Show when={item.separated}>
                  <Root.Separator class={styles["separator"]} />
                </Show>
                <Root.Item
                  class={cx(styles["item"], item.danger && styles["danger"])}
                  disabled={item.disabled === true}
                  onSelect={() => item.onSelect()}
                  aria-current={item.checked ? "true" : undefined}
                >
                  <Show when={item.icon}>{(icon) => <Dynamic component={icon()} size={16} />}</Show>
                  <span class={styles["itemLabel"]}>{item.label}</span>
                  <Show when={item.hint}>
                    <span class={styles["hint"]}>{item.hint}</span>
                  </Show>
                </Root.Item>
              </>
            )}
          </For>
        </Root.Content>
      </Root.Portal>
    </Root>
  );
}
