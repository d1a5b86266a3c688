/** Short messages at the edge of the page, with at most one action each. They are read to screen readers. */

import { Toast, toaster } from "@kobalte/core/toast";
import { X } from "lucide-solid";
import { For, Show } from "solid-js";
import { Portal } from "solid-js/web";
import { t } from "../i18n";
import { IconButton } from "./Button";
import { StatusGlyph } from "./Status";
import styles from "./toast.module.css";

export interface ToastAction {
  readonly label: string;
  readonly run: () => void;
}

export interface ToastOptions {
  readonly text: string;
  readonly kind?: "info" | "ok" | "bad";
  readonly actions?: readonly ToastAction[];
  /** Milliseconds; errors and messages with an action stay longer by themselves. */
  readonly duration?: number;
}

/** Shows a message; returns what takes it away. */
export function toast(options: ToastOptions): () => void {
  const long = options.kind === "bad" || (options.actions?.length ?? 0) > 0;
  const id = toaster.show((props) => (
    <Toast toastId={props.toastId} class={styles["toast"]} duration={options.duration ?? (long ? 10_000 : 4_000)}>
      <Show when={options.kind === "ok" || options.kind === "bad"}>
        <StatusGlyph status={options.kind === "bad" ? "bad" : "ok"} silent />
      </Show>
      <Toast.Title class={styles["text"]}>{options.text}</Toast.Title>
      <For each={options.actions}>
        {(action) => <button
          type="button"
          class={styles["action"]}
          onClick={() => {
            toaster.dismiss(props.toastId);
            action.run();
          }}
        >
          {action.label}
        </button>}
      </For>
      <IconButton icon={X} size="small" iconSize={16} label={t("do.close")} onClick={() => toaster.dismiss(props.toastId)} />
    </Toast>
  ));
  return () => toaster.dismiss(id);
}

/** Where messages appear; once, in the shell. */
export function ToastRegion() {
  return (
    <Portal>
      <Toast.Region limit={4} swipeDirection="right">
        <Toast.List class={styles["list"]} />
      </Toast.Region>
    </Portal>
  );
}
