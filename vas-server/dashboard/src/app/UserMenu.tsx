/** Who is signed in, and what they can do about it. */

import { useNavigate } from "@solidjs/router";
import { Keyboard, LogOut, Moon, Settings, ShieldOff, Sun } from "lucide-solid";
import { For } from "solid-js";
import { Dynamic } from "solid-js/web";
import { preferences, setPreference } from "../api/preferences";
import { session, signOut } from "../api/session";
import { t } from "../i18n";
import type { IconType } from "../ui/Button";
import { Menu, type MenuItem } from "../ui/Menu";
import { sentenceOf } from "../ui/States";
import { toast } from "../ui/toast";
import { setHelpOpen } from "./help-open";
import styles from "./Shell.module.css";
import { isLight } from "./theme";

/** The letters of a name: M. Kern becomes MK. */
export function initials(name: string): string {
  const words = name.split(/[\s._-]+/).filter(Boolean);
  const letters = words.length > 1 ? [words[0], words[words.length - 1]].map((word) => [...(word ?? "")][0]) : [...name].slice(0, 2);
  return letters.join("").toUpperCase();
}

interface Action {
  readonly label: string;
  readonly icon: IconType;
  readonly run: () => void;
}

function useActions(): () => readonly Action[] {
  const navigate = useNavigate();
  const leave = async (everywhere: boolean): Promise<void> => {
    try {
      await signOut(everywhere);
      navigate(`/sign-in?reason=${everywhere ? "everywhere" : "out"}`);
    } catch (error) {
      toast({ text: sentenceOf(error), kind: "bad" });
    }
  };
  return () => {
    const light = isLight(preferences.theme);
    const actions: Action[] = [
      {
        label: light ? t("user.theme.dark") : t("user.theme.light"),
        icon: light ? Moon : Sun,
        run: () => setPreference("theme", light ? "dark" : "light"),
      },
      { label: t("user.shortcuts"), icon: Keyboard, run: () => setHelpOpen(true) },
      { label: t("user.settings"), icon: Settings, run: () => navigate("/settings/profile") },
    ];
    // With accounts switched off there is nothing to sign out of.
    if (session()?.auth_mode === "required") {
      actions.push(
        { label: t("user.signOut"), icon: LogOut, run: () => void leave(false) },
        { label: t("user.signOutEverywhere"), icon: ShieldOff, run: () => void leave(true) },
      );
    }
    return actions;
  };
}

export default function UserMenu() {
  const actions = useActions();
  const name = (): string => session()?.name ?? "";
  const items = (): MenuItem[] => actions().map((action) => ({ label: action.label, icon: action.icon, onSelect: action.run }));
  return (
    <Menu
      items={items()}
      triggerClass={styles["avatar"] ?? ""}
      triggerLabel={t("user.menu", { name: name() })}
      trigger={<span aria-hidden="true">{initials(name())}</span>}
      header={
        <>
          <div class={styles["userName"]}>{name()}</div>
          <div class="t3">{t("user.role", { role: session()?.role ?? "viewer" })}</div>
        </>
      }
    />
  );
}

/** The same as a list, for phones. */
export function UserActions(props: { readonly class: string; readonly onDone: () => void }) {
  const actions = useActions();
  return (
    <For each={actions()}>
      {(action) => (
        <button
          type="button"
          class={props.class}
          onClick={() => {
            props.onDone();
            action.run();
          }}
        >
          <Dynamic component={action.icon} size={20} />
          {action.label}
        </button>
      )}
    </For>
  );
}
