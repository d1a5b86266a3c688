/** Name and password, wherever they are asked for. */

import { createSignal, Show } from "solid-js";
import { ApiError } from "../../api/problem";
import { signIn } from "../../api/session";
import type { Session } from "../../api/types";
import { t } from "../../i18n";
import { Button } from "../../ui/Button";
import { TextField } from "../../ui/fields";
import { sentenceOf } from "../../ui/States";
import styles from "./auth.module.css";

interface SignInFormProps {
  /** A name that can't be changed: of whoever was signed in. */
  readonly name?: string;
  readonly onDone: (session: Session) => void;
}

export function SignInForm(props: SignInFormProps) {
  const [name, setName] = createSignal(props.name ?? "");
  const [password, setPassword] = createSignal("");
  const [busy, setBusy] = createSignal(false);
  const [problem, setProblem] = createSignal<string>();

  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    if (name().trim() === "" || password() === "") {
      setProblem(t("auth.needed"));
      return;
    }
    setBusy(true);
    setProblem(undefined);
    try {
      props.onDone(await signIn(name().trim(), password()));
    } catch (error) {
      const status = error instanceof ApiError ? error.status : 0;
      const wait = error instanceof ApiError ? error.retryAfter : null;
      if (status === 401) setProblem(t("auth.wrong"));
      else setProblem(status === 429 && wait !== null ? t("auth.tooMany", { seconds: wait }) : sentenceOf(error));
      setPassword("");
    } finally {
      setBusy(false);
    }
  };
  return (
    <form class={styles["form"]} onSubmit={(event) => void submit(event)}>
      <TextField label={t("auth.name")} value={name()} onInput={setName} autocomplete="username" autofocus={props.name === undefined} disabled={props.name !== undefined} />
      <TextField label={t("auth.password")} value={password()} onInput={setPassword} type="password" autocomplete="current-password" autofocus={props.name !== undefined} />
      <Show when={problem()}>
        <p class={styles["problem"]} role="alert">{problem()}</p>
      </Show>
      <Button type="submit" look="ink" busy={busy()}>{t("auth.signIn")}</Button>
    </form>
  );
}
