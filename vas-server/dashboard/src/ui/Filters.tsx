/** Filters above a grid: camera, time, text, creator. What is chosen stands in the address. */

import { useSearchParams } from "@solidjs/router";
import { For, Show, type JSX } from "solid-js";
import { useStreams } from "../api/queries";
import { t } from "../i18n";
import { zoneOffset } from "../i18n/time";
import { Button } from "./Button";
import { Select, TextField } from "./fields";
import styles from "./Filters.module.css";

const one = (value: string | string[] | undefined): string => (typeof value === "string" ? value : "");

/** The filters that the address holds. Times: as typed, in the shown zone. */
export interface FilterValues {
  readonly stream: string;
  readonly from: string;
  readonly to: string;
  readonly text: string;
  readonly tag: string;
  readonly by: string;
}

export function useFilters(): readonly [() => FilterValues, (change: Partial<FilterValues>) => void] {
  const [search, setSearch] = useSearchParams();
  const values = (): FilterValues => ({
    stream: one(search["stream"]),
    from: one(search["from"]),
    to: one(search["to"]),
    text: one(search["q"]),
    tag: one(search["tag"]),
    by: one(search["by"]),
  });
  const change = ({ text, ...rest }: Partial<FilterValues>): void => {
    const next: Record<string, string | null> = Object.fromEntries(Object.entries(rest).map(([name, value]) => [name, value || null]));
    if (text !== undefined) next["q"] = text || null;
    setSearch(next, { replace: true });
  };
  return [values, change];
}

/** A local time such as 2026-11-22T14:30 in the shown zone, as RFC 3339; null where it is none. */
export function instantOf(local: string): string | null {
  const wall = Date.parse(local + "Z");
  if (!Number.isFinite(wall)) return null;
  // The offset at about that time; where it changes in between, the second look has it right.
  const guess = wall - zoneOffset(wall);
  return new Date(wall - zoneOffset(guess)).toISOString();
}

interface FilterBarProps {
  readonly values: FilterValues;
  readonly onChange: (change: Partial<FilterValues>) => void;
  readonly fields: readonly (keyof FilterValues)[];
  readonly count?: string | undefined;
  readonly children?: JSX.Element;
}

export function FilterBar(props: FilterBarProps) {
  const streams = useStreams();
  const has = (field: keyof FilterValues): boolean => props.fields.includes(field);
  const isSet = (): boolean => props.fields.some((field) => props.values[field] !== "");
  const options = () => [
    { value: "all", label: t("filter.allCameras") },
    ...(streams.data ?? []).map((stream) => ({ value: stream.id, label: stream.name })),
  ];
  const texts = [
    ["text", "filter.text"],
    ["tag", "filter.tag"],
    ["by", "filter.by"],
  ] as const;
  return (
    <div class={styles["bar"]} role="search">
      <Show when={has("stream")}>
        <Select class={styles["stream"] ?? ""} label={t("filter.camera")} hideLabel value={props.values.stream || "all"} options={options()} onChange={(stream) => props.onChange({ stream: stream === "all" ? "" : stream })} />
      </Show>
      <For each={texts.filter(([field]) => has(field))}>
        {([field, label]) => (
          <TextField
            class={styles["text"] ?? ""}
            label={t(label)}
            hideLabel
            type="search"
            placeholder={t(label)}
            value={props.values[field]}
            onInput={(value) => props.onChange({ [field]: value })}
          />
        )}
      </For>
      <TextField class={styles["time"] ?? ""} label={t("filter.from")} hideLabel type="datetime-local" value={props.values.from} onInput={(from) => props.onChange({ from })} />
      <span class="t3" aria-hidden="true">–</span>
      <TextField class={styles["time"] ?? ""} label={t("filter.to")} hideLabel type="datetime-local" value={props.values.to} onInput={(to) => props.onChange({ to })} />
      <Show when={isSet()}>
        <Button look="quiet" onClick={() => props.onChange({ stream: "", from: "", to: "", text: "", tag: "", by: "" })}>{t("do.clear")}</Button>
      </Show>
      <Show when={props.count}>
        <span class="t3">{props.count}</span>
      </Show>
      {props.children}
    </div>
  );
}
