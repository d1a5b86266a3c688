/** People who may sign in. */

import { useQuery, useQueryClient } from "@tanstack/solid-query";
import { Plus } from "lucide-solid";
import { createSignal, For, Show } from "solid-js";
import { call } from "../../api/client";
import { serverTime } from "../../api/clock";
import { ApiError } from "../../api/problem";
import { session } from "../../api/session";
import type { Pagination } from "../../api/types";
import { t } from "../../i18n";
import { timeOrDay } from "../../i18n/time";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { Select, Switch, TextField } from "../../ui/fields";
import { Panel } from "../../ui/Panel";
import { EmptyState, QueryStates, sentenceOf } from "../../ui/States";
import { toast } from "../../ui/toast";
import styles from "./settings.module.css";

type Role = "viewer" | "operator" | "admin";

interface User {
  readonly id: string;
  readonly username: string;
  readonly role: Role;
  readonly disabled: boolean;
  readonly created_at: string;
  readonly last_login_at: string | null;
}

interface UserList {
  readonly users: readonly User[];
  readonly pagination: Pagination;
}

const PATH = "/v2/auth/users";
const roles = () => (["viewer", "operator", "admin"] as const).map((value) => ({ value, label: t("user.role", { role: value }) }));

function UserDialog(props: { readonly user: User | null; readonly onClose: () => void }) {
  const client = useQueryClient();
  const user = props.user;
  const [name, setName] = createSignal(user?.username ?? "");
  const [password, setPassword] = createSignal("");
  const [role, setRole] = createSignal<string>(user?.role ?? "viewer");
  const [disabled, setDisabled] = createSignal(user?.disabled ?? false);
  const [problems, setProblems] = createSignal<Readonly<Record<string, string>>>({});
  const [busy, setBusy] = createSignal(false);
  const isSelf = user !== null && user.username === session()?.name;
  const attempt = async (work: () => Promise<unknown>): Promise<void> => {
    setBusy(true);
    setProblems({});
    try {
      await work();
      await client.invalidateQueries({ queryKey: ["users"] });
      props.onClose();
    } catch (error) {
      if (error instanceof ApiError && Object.keys(error.fields).length > 0) setProblems(error.fields);
      else toast({ text: sentenceOf(error), kind: "bad" });
    } finally {
      setBusy(false);
    }
  };
  const save = (): Promise<void> =>
    attempt(() => {
      const secret = password() === "" ? {} : { password: password() };
      return user === null
        ? call(PATH, { method: "POST", body: { username: name().trim(), password: password(), role: role() } })
        : call(`${PATH}/${user.id}`, { method: "PUT", body: { role: role(), disabled: disabled(), ...secret } });
    });
  return (
    <Dialog
      open
      title={user === null ? t("settings.addUser") : user.username}
      onClose={() => props.onClose()}
      footer={
        <>
          <Show when={user !== null && !isSelf}>
            <Button look="danger" busy={busy()} onClick={() => void attempt(() => call(`${PATH}/${user?.id ?? ""}`, { method: "DELETE" }))}>{t("do.delete")}</Button>
          </Show>
          <Button onClick={() => props.onClose()}>{t("do.cancel")}</Button>
          <Button look="ink" busy={busy()} onClick={() => void save()}>{t("do.save")}</Button>
        </>
      }
    >
      <form class={styles["dialogFields"]} onSubmit={(event) => { event.preventDefault(); void save(); }}>
        <TextField label={t("auth.name")} value={name()} onInput={setName} disabled={user !== null} error={problems()["username"]} />
        <TextField
          label={user === null ? t("auth.password") : t("settings.newPassword")}
          type="password"
          autocomplete="new-password"
          value={password()}
          onInput={setPassword}
          hint={user === null ? t("settings.passwordHint") : t("settings.passwordKept")}
          error={problems()["password"]}
        />
        <Select label={t("settings.role")} value={role()} options={roles()} onChange={setRole} disabled={isSelf} />
        <Show when={user !== null && !isSelf}>
          <Switch label={t("settings.disabled")} hint={t("settings.disabledHint")} checked={disabled()} onChange={setDisabled} />
        </Show>
      </form>
    </Dialog>
  );
}

export default function Users() {
  const [editing, setEditing] = createSignal<User | null | undefined>();
  const users = useQuery(() => ({
    queryKey: ["users"],
    queryFn: ({ signal }) => call<UserList>(PATH, { query: { limit: 100 }, signal }),
  }));
  return (
    <Panel
      title={t("settings.tab.users")}
      note={users.data?.pagination.total}
      tools={<Button size="small" icon={Plus} onClick={() => setEditing(null)}>{t("settings.addUser")}</Button>}
    >
      <QueryStates query={users} isEmpty={(data) => data.users.length === 0} empty={<EmptyState text={t("settings.noUsers")} />}>
        {(data) => (
          <div class={styles["scroll"]} tabIndex={0} role="group" aria-label={t("settings.tab.users")}>
            <table class={styles["table"]}>
              <thead>
                <tr>
                  <th scope="col">{t("auth.name")}</th>
                  <th scope="col">{t("settings.role")}</th>
                  <th scope="col">{t("settings.lastLogin")}</th>
                  <th scope="col"><span class="visually-hidden">{t("do.edit")}</span></th>
                </tr>
              </thead>
              <tbody>
                <For each={data().users}>
                  {(user) => (
                    <tr>
                      <td><b>{user.username}</b> <Show when={user.disabled}><span class={styles["chip"]}>{t("settings.keptOut")}</span></Show></td>
                      <td>{t("user.role", { role: user.role })}</td>
                      <td class="t2">{user.last_login_at ? timeOrDay(user.last_login_at, serverTime()) : t("settings.never")}</td>
                      <td class={styles["end"]}><Button size="small" aria-label={t("settings.editOf", { name: user.username })} onClick={() => setEditing(user)}>{t("do.edit")}</Button></td>
                    </tr>
                  )}
                </For>
              </tbody>
            </table>
          </div>
        )}
      </QueryStates>
      <Show when={editing() !== undefined}>
        <UserDialog user={editing() ?? null} onClose={() => setEditing(undefined)} />
      </Show>
    </Panel>
  );
}
