/** How the dashboard looks and is used by whoever is signed in, and how they prove who they are. */

import { createSignal, For, Show } from "solid-js";
import { call } from "../../api/client";
import { ApiError } from "../../api/problem";
import { preferences, setPreference, type Preferences } from "../../api/preferences";
import { session } from "../../api/session";
import { browserLanguage, LANGUAGES, t } from "../../i18n";
import { Button } from "../../ui/Button";
import { Select, TextField } from "../../ui/fields";
import { keysOf, shortcuts, strokeOf, type Shortcut } from "../../ui/keys";
import { Panel } from "../../ui/Panel";
import { sentenceOf } from "../../ui/States";
import { toast } from "../../ui/toast";
import styles from "./settings.module.css";

function Look() {
  const themes = () => (["system", "dark", "light"] as const).map((value) => ({ value, label: t(`settings.theme.${value}`) }));
  const languages = Object.entries(LANGUAGES).map(([value, label]) => ({ value, label }));
  const zones = () => [
    { value: "server", label: t("settings.zone.server") },
    { value: "browser", label: t("settings.zone.browser") },
    { value: "UTC", label: "UTC" },
  ];
  return (
    <Panel title={t("settings.look")}>
      <div class={styles["fields"]}>
        <Select label={t("settings.theme")} value={preferences.theme ?? "system"} options={themes()} onChange={(value) => setPreference("theme", value as NonNullable<Preferences["theme"]>)} />
        <Select label={t("settings.language")} value={preferences.language ?? browserLanguage()} options={languages} onChange={(value) => setPreference("language", value)} />
        <Select label={t("settings.zone")} value={preferences.zone ?? "server"} options={zones()} onChange={(value) => setPreference("zone", value)} hint={t("settings.zoneHint")} />
      </div>
    </Panel>
  );
}

/** One shortcut: press "Change", then the keys. */
function ShortcutRow(props: { readonly shortcut: Shortcut }) {
  const [listening, setListening] = createSignal(false);
  const own = (): Readonly<Record<string, string>> => (preferences["keys"] as Readonly<Record<string, string>> | undefined) ?? {};
  const set = (keys: string | null): void => {
    const { [props.shortcut.id]: _, ...rest } = own();
    setPreference("keys", keys === null ? rest : { ...rest, [props.shortcut.id]: keys });
  };
  const onKey = (event: KeyboardEvent): void => {
    if (!listening() || ["Shift", "Control", "Alt", "Meta", "Tab"].includes(event.key)) return;
    event.preventDefault();
    event.stopPropagation();
    setListening(false);
    if (event.key === "Escape") return;
    const stroke = strokeOf(event);
    const taken = shortcuts().find((one) => one.id !== props.shortcut.id && keysOf(one) === stroke);
    if (taken) toast({ text: t("settings.keyTaken", { name: t(taken.label) }), kind: "bad" });
    else set(stroke);
  };
  return (
    <li class={styles["shortcut"]}>
      <span>{t(props.shortcut.label)}</span>
      <kbd>{keysOf(props.shortcut)}</kbd>
      <Button size="small" aria-label={t("settings.changeKeyOf", { name: t(props.shortcut.label) })} onClick={() => setListening(true)} onKeyDown={onKey} onBlur={() => setListening(false)}>
        {listening() ? t("settings.pressKeys") : t("settings.changeKey")}
      </Button>
      <Show when={own()[props.shortcut.id]}>
        <Button size="small" look="quiet" onClick={() => set(null)}>{t("settings.resetKey")}</Button>
      </Show>
    </li>
  );
}

function Password() {
  const [current, setCurrent] = createSignal("");
  const [next, setNext] = createSignal("");
  const [busy, setBusy] = createSignal(false);
  const [problems, setProblems] = createSignal<Readonly<Record<string, string>>>({});
  const save = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    setProblems({});
    try {
      await call("/v2/auth/me/password", { method: "PUT", body: { current_password: current(), new_password: next() } });
      setCurrent("");
      setNext("");
      toast({ text: t("settings.passwordChanged"), kind: "ok" });
    } catch (error) {
      if (error instanceof ApiError && Object.keys(error.fields).length > 0) setProblems(error.fields);
      else toast({ text: sentenceOf(error), kind: "bad" });
    } finally {
      setBusy(false);
    }
  };
  return (
    <Panel title={t("settings.password")}>
      <form class={styles["fields"]} onSubmit={(event) => void save(event)}>
        <TextField label={t("settings.currentPassword")} type="password" autocomplete="current-password" value={current()} onInput={setCurrent} error={problems()["current_password"]} />
        <TextField label={t("settings.newPassword")} type="password" autocomplete="new-password" value={next()} onInput={setNext} error={problems()["new_password"]} hint={t("settings.passwordHint")} />
        <div>
          <Button type="submit" busy={busy()} disabled={current() === "" || next() === ""}>{t("settings.changePassword")}</Button>
        </div>
      </form>
    </Panel>
  );
}

export function Profile() {
  return (
    <div class={styles["stack"]}>
      <Look />
      <Show when={session()?.auth_mode === "required"}>
        <Password />
      </Show>
      <Panel title={t("keys.title")} note={t("settings.keysNote")}>
        <ul class={styles["shortcuts"]}>
          <For each={[...shortcuts()]}>{(shortcut) => <ShortcutRow shortcut={shortcut} />}</For>
        </ul>
      </Panel>
    </div>
  );
}
