/** A few choices side by side, one of them taken: radio buttons that look like one control. */

import { RadioGroup } from "@kobalte/core/radio-group";
import { For, type JSX } from "solid-js";
import styles from "./Seg.module.css";

export interface SegOption<T extends string> {
  readonly value: T;
  readonly label: JSX.Element;
  /** Accessible name where the label is a picture. */
  readonly name?: string;
}

interface SegProps<T extends string> {
  readonly label: string;
  readonly value: T;
  readonly options: readonly SegOption<T>[];
  readonly onChange: (value: T) => void;
}

export function Seg<T extends string>(props: SegProps<T>) {
  return (
    <RadioGroup class={styles["seg"]} value={props.value} onChange={(value) => props.onChange(value as T)} aria-label={props.label} orientation="horizontal">
      <For each={props.options}>
        {(option) => (
          <RadioGroup.Item value={option.value} class={styles["item"]}>
            <RadioGroup.ItemInput class={styles["input"] ?? ""} {...(option.name === undefined ? {} : { "aria-label": option.name })} />
            <RadioGroup.ItemLabel class={styles["label"]}>{option.label}</RadioGroup.ItemLabel>
          </RadioGroup.Item>
        )}
      </For>
    </RadioGroup>
  );
}
