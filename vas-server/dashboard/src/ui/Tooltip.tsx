/** A name that appears beside what has no words of its own. The child must be one element that can have the focus. */

import { Tooltip as Root } from "@kobalte/core/tooltip";
import { Show, type JSX } from "solid-js";
import styles from "./floating.module.css";

interface TooltipProps {
  readonly text: string;
  readonly shortcut?: string;
  readonly placement?: "top" | "bottom" | "left" | "right";
  readonly children: JSX.Element;
}

export function Tooltip(props: TooltipProps) {
  return (
    <Root openDelay={400} closeDelay={50} gutter={6} placement={props.placement ?? "bottom"}>
      <Root.Trigger as="span" class={styles["tooltipTrigger"]} tabIndex={-1}>
        {props.children}
      </Root.Trigger>
      <Root.Portal>
        <Root.Content class={styles["tooltip"]}>
          {props.text}
          <Show when={props.shortcut}>{(key) => <kbd class={styles["key"]}>{key()}</kbd>}</Show>
        </Root.Content>
      </Root.Portal>
    </Root>
  );
}
