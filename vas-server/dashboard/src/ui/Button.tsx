/**
 * Buttons. `ink` is the one primary action of a view; `quiet` has no frame; `picture` lies on video in both themes.
 * `IconButton` shows an icon alone: its label is its accessible name and its tooltip.
 */

import { Button as Root } from "@kobalte/core/button";
import { Show, splitProps, type ComponentProps, type JSX } from "solid-js";
import { Dynamic } from "solid-js/web";
import styles from "./Button.module.css";
import { cx } from "./cx";
import { Tooltip } from "./Tooltip";

export type Look = "plain" | "ink" | "quiet" | "danger" | "picture";

/** A lucide icon, or one of our own of the same shape. */
export type IconType = (props: { readonly size?: number | string; readonly class?: string }) => JSX.Element;

interface Common {
  readonly look?: Look;
  readonly size?: "small" | "medium";
  readonly icon?: IconType;
  /** Shows that the button's action goes on; it can't be pressed meanwhile. */
  readonly busy?: boolean;
}

export type ButtonProps = Common & Omit<ComponentProps<"button">, "ref"> & { readonly ref?: (element: HTMLButtonElement) => void };

export function Button(props: ButtonProps) {
  const [own, rest] = splitProps(props, ["look", "size", "icon", "busy", "class", "children", "disabled"]);
  return (
    <Root
      {...rest}
      disabled={Boolean(own.disabled) || own.busy === true}
      aria-busy={own.busy === true ? "true" : undefined}
      class={cx(styles["button"], styles[own.look ?? "plain"], own.size === "small" && styles["small"], own.class)}
    >
      <Show when={own.icon}>{(icon) => <Dynamic component={icon()} size={16} class={styles["icon"] ?? ""} />}</Show>
      {own.children}
    </Root>
  );
}

export type IconButtonProps = Omit<ButtonProps, "children" | "icon"> & {
  readonly icon: IconType;
  readonly label: string;
  readonly pressed?: boolean;
  /** A key that does the same, shown in the tooltip. */
  readonly shortcut?: string;
  readonly iconSize?: number;
  readonly children?: JSX.Element;
};

export function IconButton(props: IconButtonProps) {
  const [own, rest] = splitProps(props, ["icon", "label", "look", "size", "pressed", "class", "shortcut", "iconSize", "children", "busy"]);
  return (
    <Tooltip text={own.label} {...(own.shortcut === undefined ? {} : { shortcut: own.shortcut })}>
      <Root
        {...rest}
        aria-label={own.label}
        aria-pressed={own.pressed}
        aria-busy={own.busy === true ? "true" : undefined}
        class={cx(styles["iconButton"], own.look === "picture" && styles["onPicture"], own.size === "small" && styles["smallIcon"], own.pressed && styles["on"], own.class)}
      >
        <Dynamic component={own.icon} size={own.iconSize ?? 18} class={styles["icon"] ?? ""} />
        {own.children}
      </Root>
    </Tooltip>
  );
}
