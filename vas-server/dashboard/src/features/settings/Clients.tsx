/** Programs that call the API: made here, with their secret shown once. */

import { useQuery, useQueryClient } from "@tanstack/solid-query";
import { Plus } from "lucide-solid";
import { createSignal, For, Show } from "solid-js";
import { call } from "../../api/client";
import { ApiError } from "../../api/problem";
import type { Pagination } from "../../api/types";
import { t } from "../../i18n";
import { dateTime } from "../../i18n/time";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { TextField } from "../../ui/fields";
import { Panel } from "../../ui/Panel";
import { EmptyState, QueryStates, sentenceOf } from "../../ui/States";
import { toast } from "../../ui/toast";
import styles from "./settings.module.css";

interface Client {
  readonly client_id: string;
  readonly client_secret?: string | null;
  readonly scopes: readonly string[];
  readonly created_at: string;
  readonly expires_at: string | null;
}

interface ClientList {
  readonly clients: readonly Client[];
  readonly pagination: Pagination;
}

const PATH = "/v2/auth/clients";
const SCOPES = [
  "streams:read", "streams:write", "streams:consume", "snapshots:read",
  "snapshots:write", "bookmarks:read", "bookmarks:write", "admin",
] as const;

function NewClient(props: { readonly onClose: () => void }) {
  const client = useQueryClient();
  const [name, setName] = createSignal("");
  const [scopes, setScopes] = createSignal<ReadonlySet<string>>(new Set(["streams:read", "streams:consume"]));
  const [made, setMade] = createSignal<Client>();
  const [problems, setProblems] = createSignal<Readonly<Record<string, string>>>({});
  const [busy, setBusy] = createSignal(false);
  const toggle = (scope: string): void => {
    const next = new Set(scopes());
    if (!next.delete(scope)) next.add(scope);
    setScopes(next);
  };
  const save = async (): Promise<void> => {
    setBusy(true);
    setProblems({});
    try {
      setMade(await call<Client>(PATH, { method: "POST", body: { client_id: name().trim(), scopes: [...scopes()] } }));
      await client.invalidateQueries({ queryKey: ["clients"] });
    } catch (error) {
      if (error instanceof ApiError && Object.keys(error.fields).length > 0) setProblems(error.fields);
      else toast({ text: sentenceOf(error), kind: "bad" });
    } finally {
      setBusy(false);
    }
  };
  return (
    <Dialog
      open
      title={t("settings.addClient")}
      onClose={() => props.onClose()}
      footer={
        <Show when={!made()} fallback={<Button look="ink" onClick={() => props.onClose()}>{t("do.close")}</Button>}>
          <Button onClick={() => props.onClose()}>{t("do.cancel")}</Button>
          <Button look="ink" busy={busy()} onClick={() => void save()}>{t("do.save")}</Button>
        </Show>
      }
    >
      <Show
        when={made()}
        fallback={
          <form class={styles["dialogFields"]} onSubmit={(event) => { event.preventDefault(); void save(); }}>
            <TextField label={t("settings.clientId")} value={name()} onInput={setName} error={problems()["client_id"]} />
            <fieldset class={styles["scopes"]}>
              <legend>{t("settings.scopes")}</legend>
              <For each={SCOPES}>
                {(scope) => (
                  <label>
                    <input type="checkbox" checked={scopes().has(scope)} onChange={() => toggle(scope)} />
                    {scope}
                  </label>
                )}
              </For>
              <Show when={problems()["scopes"]}><p class={styles["problem"]}>{problems()["scopes"]}</p></Show>
            </fieldset>
          </form>
        }
      >
        {(one) => (
          <div class={styles["dialogFields"]}>
            <p>{t("settings.secretOnce")}</p>
            <code class={styles["secret"]}>{one().client_id}</code>
            <code class={styles["secret"]}>{one().client_secret}</code>
          </div>
        )}
      </Show>
    </Dialog>
  );
}

export default function Clients() {
  const client = useQueryClient();
  const [adding, setAdding] = createSignal(false);
  const [removing, setRemoving] = createSignal<Client>();
  const clients = useQuery(() => ({
    queryKey: ["clients"],
    queryFn: ({ signal }) => call<ClientList>(PATH, { query: { limit: 100 }, signal }),
  }));
  const remove = async (one: Client): Promise<void> => {
    try {
      await call(`${PATH}/${encodeURIComponent(one.client_id)}`, { method: "DELETE" });
      await client.invalidateQueries({ queryKey: ["clients"] });
    } catch (error) {
      toast({ text: sentenceOf(error), kind: "bad" });
    }
    setRemoving(undefined);
  };
  return (
    <Panel title={t("settings.tab.clients")} note={clients.data?.pagination.total} tools={<Button size="small" icon={Plus} onClick={() => setAdding(true)}>{t("settings.addClient")}</Button>}>
      <QueryStates query={clients} isEmpty={(data) => data.clients.length === 0} empty={<EmptyState text={t("settings.noClients")} />}>
        {(data) => (
          <div class={styles["scroll"]} tabIndex={0} role="group" aria-label={t("settings.tab.clients")}>
            <table class={styles["table"]}>
              <thead>
                <tr>
                  <th scope="col">{t("settings.clientId")}</th>
                  <th scope="col">{t("settings.scopes")}</th>
                  <th scope="col">{t("settings.expires")}</th>
                  <th scope="col"><span class="visually-hidden">{t("do.delete")}</span></th>
                </tr>
              </thead>
              <tbody>
                <For each={data().clients}>
                  {(one) => (
                    <tr>
                      <td><b>{one.client_id}</b></td>
                      <td class="t2">{one.scopes.join(", ")}</td>
                      <td class="t2">{one.expires_at ? dateTime(one.expires_at) : t("settings.never")}</td>
                      <td class={styles["end"]}><Button size="small" look="danger" aria-label={t("settings.deleteOf", { name: one.client_id })} onClick={() => setRemoving(one)}>{t("do.delete")}</Button></td>
                    </tr>
                  )}
                </For>
              </tbody>
            </table>
          </div>
        )}
      </QueryStates>
      <Show when={adding()}><NewClient onClose={() => setAdding(false)} /></Show>
      <Show when={removing()}>
        {(one) => (
          <Dialog
            open
            title={t("settings.deleteOf", { name: one().client_id })}
            onClose={() => setRemoving(undefined)}
            footer={
              <>
                <Button onClick={() => setRemoving(undefined)}>{t("do.cancel")}</Button>
                <Button look="danger" onClick={() => void remove(one())}>{t("do.delete")}</Button>
              </>
            }
          >
            <p>{t("settings.deleteClientText")}</p>
          </Dialog>
        )}
      </Show>
    </Panel>
  );
}
