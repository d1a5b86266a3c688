/** A dialog over the page, in the middle or, as a drawer, at its end. Focus stays inside; Esc closes. */

import { Dialog as Root } from "@kobalte/core/dialog";
import { X } from "lucide-solid";
import { Show, type JSX } from "solid-js";
import { t } from "../i18n";
import { cx } from "./cx";
import { IconButton } from "./Button";
import styles from "./floating.module.css";

interface DialogProps {
  readonly open: boolean;
  readonly onClose: () => void;
  readonly title: string;
  readonly description?: string;
  /** "drawer": as high as the page, at its end; on phones from the bottom. */
  readonly kind?: "dialog" | "drawer";
  readonly wide?: boolean;
  /** Esc and a click outside do nothing: the dialog must be answered. */
  readonly insistent?: boolean;
  readonly children: JSX.Element;
  /** Buttons at the bottom. */
  readonly footer?: JSX.Element;
}

/** The first field of the dialog has the focus, rather than the button that closes it. */
function focusField(event: Event): void {
  const dialog = event.target instanceof HTMLElement ? event.target : null;
  const field = dialog?.querySelector<HTMLElement>("input:not([disabled]):not([type=checkbox]), textarea");
  if (!field) return;
  event.preventDefault();
  field.focus();
}

export function Dialog(props: DialogProps) {
  const close = (open: boolean): void => {
    if (!open && !props.insistent) props.onClose();
  };
  return (
    <Root open={props.open} onOpenChange={close} modal>
      <Root.Portal>
        <Root.Overlay class={styles["overlay"]} />
        <div class={props.kind === "drawer" ? styles["drawerPlace"] : styles["dialogPlace"]}>
          <Root.Content onOpenAutoFocus={focusField} class={cx(props.kind === "drawer" ? styles["drawer"] : styles["dialog"], props.wide && styles["wide"])}>
            <header class={styles["head"]}>
              <Root.Title class={styles["heading"]}>{props.title}</Root.Title>
              <Show when={!props.insistent}>
                <IconButton icon={X} label={t("do.close")} onClick={() => props.onClose()} />
              </Show>
            </header>
            <Show when={props.description}>
              <Root.Description class={styles["description"]}>{props.description}</Root.Description>
            </Show>
            <div class={styles["body"]}>{props.children}</div>
            <Show when={props.footer}>
              <footer class={styles["foot"]}>{props.footer}</footer>
            </Show>
          </Root.Content>
        </div>
      </Root.Portal>
    </Root>
  );
}
