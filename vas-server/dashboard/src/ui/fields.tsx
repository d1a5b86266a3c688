/** Fields of forms, each with its label, hint and error. */

import { Select as KSelect } from "@kobalte/core/select";
import { Switch as KSwitch } from "@kobalte/core/switch";
import { TextField as KText } from "@kobalte/core/text-field";
import { Check, ChevronDown } from "lucide-solid";
import { Show } from "solid-js";
import { cx } from "./cx";
import styles from "./fields.module.css";

interface TextFieldProps {
  readonly label: string;
  readonly hideLabel?: boolean;
  readonly value: string;
  readonly onInput: (value: string) => void;
  readonly type?: "text" | "password" | "search" | "number" | "datetime-local" | "url";
  readonly hint?: string;
  readonly error?: string | undefined;
  readonly placeholder?: string;
  readonly autocomplete?: string;
  readonly required?: boolean;
  readonly disabled?: boolean;
  readonly autofocus?: boolean;
  readonly multiline?: boolean;
  readonly class?: string;
  readonly min?: string;
  readonly max?: string;
}

export function TextField(props: TextFieldProps) {
  return (
    <KText
      class={cx(styles["field"], props.class)}
      value={props.value}
      onChange={(value) => props.onInput(value)}
      validationState={props.error ? "invalid" : "valid"}
      required={props.required === true}
      disabled={props.disabled === true}
    >
      <KText.Label class={props.hideLabel ? "visually-hidden" : styles["label"]}>{props.label}</KText.Label>
      <Show
        when={props.multiline}
        fallback={
          <KText.Input
            class={styles["input"]}
            type={props.type ?? "text"}
            placeholder={props.placeholder}
            autocomplete={props.autocomplete ?? "off"}
            autofocus={props.autofocus === true}
            min={props.min}
            max={props.max}
            spellcheck={false}
          />
        }
      >
        <KText.TextArea class={cx(styles["input"], styles["area"])} placeholder={props.placeholder} />
      </Show>
      <Show when={props.hint}>
        <KText.Description class={styles["hint"]}>{props.hint}</KText.Description>
      </Show>
      <KText.ErrorMessage class={styles["error"]}>{props.error}</KText.ErrorMessage>
    </KText>
  );
}

export interface SelectOption {
  readonly value: string;
  readonly label: string;
}

interface SelectProps {
  readonly label: string;
  readonly hideLabel?: boolean;
  readonly value: string;
  readonly options: readonly SelectOption[];
  readonly onChange: (value: string) => void;
  readonly hint?: string;
  readonly disabled?: boolean;
  readonly class?: string;
}

export function Select(props: SelectProps) {
  const chosen = (): SelectOption | null => props.options.find((option) => option.value === props.value) ?? null;
  return (
    <KSelect<SelectOption>
      class={cx(styles["field"], props.class)}
      options={[...props.options]}
      optionValue="value"
      optionTextValue="label"
      value={chosen() as SelectOption}
      disabled={props.disabled === true}
      onChange={(option: SelectOption | null) => {
        if (option) props.onChange(option.value);
      }}
      gutter={4}
      itemComponent={(item) => (
        <KSelect.Item item={item.item} class={styles["option"]}>
          <KSelect.ItemLabel>{item.item.rawValue.label}</KSelect.ItemLabel>
          <KSelect.ItemIndicator>
            <Check size={14} />
          </KSelect.ItemIndicator>
        </KSelect.Item>
      )}
    >
      <KSelect.Label class={props.hideLabel ? "visually-hidden" : styles["label"]}>{props.label}</KSelect.Label>
      <KSelect.Trigger class={cx(styles["input"], styles["select"])}>
        <KSelect.Value<SelectOption> class="ellipsis">{(state) => state.selectedOption()?.label ?? ""}</KSelect.Value>
        <KSelect.Icon class={styles["chevron"]}>
          <ChevronDown size={16} />
        </KSelect.Icon>
      </KSelect.Trigger>
      <Show when={props.hint}>
        <KSelect.Description class={styles["hint"]}>{props.hint}</KSelect.Description>
      </Show>
      <KSelect.Portal>
        <KSelect.Content class={styles["list"]}>
          <KSelect.Listbox class={styles["listbox"]} />
        </KSelect.Content>
      </KSelect.Portal>
    </KSelect>
  );
}

interface SwitchProps {
  readonly label: string;
  readonly hint?: string;
  readonly checked: boolean;
  readonly disabled?: boolean;
  readonly onChange: (checked: boolean) => void;
}

export function Switch(props: SwitchProps) {
  return (
    <KSwitch class={styles["switch"]} checked={props.checked} onChange={(checked) => props.onChange(checked)} disabled={props.disabled === true}>
      <KSwitch.Input class={styles["switchInput"]} />
      <KSwitch.Control class={styles["track"]}>
        <KSwitch.Thumb class={styles["thumb"]} />
      </KSwitch.Control>
      <div>
        <KSwitch.Label class={styles["switchLabel"]}>{props.label}</KSwitch.Label>
        <Show when={props.hint}>
          <KSwitch.Description class={styles["hint"]}>{props.hint}</KSwitch.Description>
        </Show>
      </div>
    </KSwitch>
  );
}
