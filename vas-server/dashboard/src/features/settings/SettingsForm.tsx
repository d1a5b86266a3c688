/** Settings of the server, each with what it means and where its value comes from. Changes are saved together. */

import { useQuery, useQueryClient } from "@tanstack/solid-query";
import { createSignal, For, Show } from "solid-js";
import { call } from "../../api/client";
import { ApiError } from "../../api/problem";
import { t } from "../../i18n";
import { Button } from "../../ui/Button";
import { Switch, TextField } from "../../ui/fields";
import { Panel } from "../../ui/Panel";
import { QueryStates, sentenceOf } from "../../ui/States";
import { toast } from "../../ui/toast";
import { PATH, saveSettings, textOf, valueOf, type Section, type ServerSettings, type Setting } from "./config";
import styles from "./settings.module.css";

/** The key without its section. */
function nameOf(setting: Setting): string {
  return setting.key.slice(setting.key.indexOf(".") + 1);
}

interface FieldProps {
  readonly setting: Setting;
  readonly text: string;
  readonly problem: string | undefined;
  readonly onInput: (text: string) => void;
}

function Field(props: FieldProps) {
  const hint = (): string => {
    const { description, source, restart } = props.setting;
    const parts = [description, source === "default" ? "" : t(`settings.source.${source}`), restart ? t("settings.needsRestart") : ""];
    return parts.filter(Boolean).join(" ");
  };
  return (
    <Show
      when={typeof props.setting.default === "boolean"}
      fallback={<TextField label={nameOf(props.setting)} value={props.text} onInput={(text) => props.onInput(text)} hint={hint()} error={props.problem} />}
    >
      <Switch label={nameOf(props.setting)} hint={hint()} checked={props.text === "true"} onChange={(on) => props.onInput(String(on))} />
    </Show>
  );
}

/** What only the configuration file, the environment or the command line can change. */
function Fixed(props: { readonly settings: readonly Setting[] }) {
  return (
    <Show when={props.settings.length > 0}>
      <details class={styles["fixed"]}>
        <summary>{t("settings.fixed", { n: props.settings.length })}</summary>
        <dl class={styles["facts"]}>
          <For each={props.settings}>
            {(setting) => (
              <>
                <dt>{nameOf(setting)}</dt>
                <dd>
                  <code>{textOf(setting.value) || "–"}</code>
                  <span class="t3"> {setting.description}</span>
                </dd>
              </>
            )}
          </For>
        </dl>
      </details>
    </Show>
  );
}

export function SettingsForm(props: { readonly shows: (section: string) => boolean }) {
  const client = useQueryClient();
  const settings = useQuery(() => ({ queryKey: ["settings"], queryFn: ({ signal }) => call<ServerSettings>(PATH, { signal }) }));
  const [edits, setEdits] = createSignal<Readonly<Record<string, string>>>({});
  const [problems, setProblems] = createSignal<Readonly<Record<string, string>>>({});
  const [busy, setBusy] = createSignal(false);
  const sections = (data: ServerSettings): readonly Section[] => data.sections.filter((section) => props.shows(section.name));
  const settingOf = (key: string): Setting | undefined => settings.data?.sections.flatMap((section) => section.settings).find((one) => one.key === key);
  const edit = (setting: Setting, text: string): void => {
    const { [setting.key]: _, ...rest } = edits();
    setEdits(text === textOf(setting.value) ? rest : { ...rest, [setting.key]: text });
  };
  const save = async (): Promise<void> => {
    const values = Object.entries(edits()).map(([key, text]) => [key, valueOf(text, settingOf(key)?.default)] as const);
    const wrong = values.filter(([, value]) => value === undefined).map(([key]) => [key, t("settings.notValid")] as const);
    setProblems(Object.fromEntries(wrong));
    if (wrong.length > 0) return;
    setBusy(true);
    try {
      client.setQueryData(["settings"], await saveSettings(Object.fromEntries(values)));
      setEdits({});
      toast({ text: t("settings.saved"), kind: "ok" });
    } catch (error) {
      if (error instanceof ApiError && Object.keys(error.fields).length > 0) setProblems(error.fields);
      else toast({ text: sentenceOf(error), kind: "bad" });
    } finally {
      setBusy(false);
    }
  };
  return (
    <QueryStates query={settings} rows={10}>
      {(data) => (
        <form class={styles["stack"]} onSubmit={(event) => { event.preventDefault(); void save(); }}>
          <Show when={data().restart_pending.length > 0}>
            <p class={styles["notice"]} role="status">{t("settings.restartPending", { keys: data().restart_pending.join(", ") })}</p>
          </Show>
          <For each={[...sections(data())]}>
            {(section) => (
              <Panel title={section.name}>
                <div class={styles["fields"]}>
                  <For each={section.settings.filter((setting) => setting.editable)}>
                    {(setting) => <Field setting={setting} text={edits()[setting.key] ?? textOf(setting.value)} problem={problems()[setting.key]} onInput={(text) => edit(setting, text)} />}
                  </For>
                </div>
                <Fixed settings={section.settings.filter((setting) => !setting.editable)} />
              </Panel>
            )}
          </For>
          <Show when={Object.keys(edits()).length > 0}>
            <div class={styles["saveBar"]}>
              <span>{t("settings.changes", { n: Object.keys(edits()).length })}</span>
              <Button onClick={() => setEdits({})}>{t("do.cancel")}</Button>
              <Button type="submit" look="ink" busy={busy()}>{t("do.save")}</Button>
            </div>
          </Show>
        </form>
      )}
    </QueryStates>
  );
}
