/** A small dialog beside its trigger, such as the form of a bookmark. Focus moves in and back; Esc closes. */

import { Popover as Root } from "@kobalte/core/popover";
import { Show, type JSX } from "solid-js";
import styles from "./floating.module.css";
import { cx } from "./cx";

interface PopoverProps {
  /** The button that opens it: rendered by the caller, inside our trigger. */
  readonly trigger: JSX.Element;
  /** Accessible name, and its heading unless `hideTitle`. */
  readonly title: string;
  readonly hideTitle?: boolean;
  readonly open?: boolean;
  readonly onOpenChange?: (open: boolean) => void;
  readonly placement?: "top" | "top-end" | "bottom" | "bottom-end" | "bottom-start" | "right";
  readonly class?: string;
  readonly triggerClass?: string;
  readonly triggerLabel?: string;
  readonly children: JSX.Element;
}

export function Popover(props: PopoverProps) {
  return (
    <Root
      gutter={8}
      placement={props.placement ?? "bottom-end"}
      {...(props.open === undefined ? {} : { open: props.open })}
      {...(props.onOpenChange ? { onOpenChange: props.onOpenChange } : {})}
    >
      <Root.Trigger class={cx(styles["trigger"], props.triggerClass)} aria-label={props.triggerLabel}>
        {props.trigger}
      </Root.Trigger>
      <Root.Portal>
        <Root.Content class={cx(styles["panel"], props.class)}>
          <Show when={props.hideTitle} fallback={<Root.Title class={styles["title"]}>{props.title}</Root.Title>}>
            <Root.Title class="visually-hidden">{props.title}</Root.Title>
          </Show>
          {props.children}
        </Root.Content>
      </Root.Portal>
    </Root>
  );
}
