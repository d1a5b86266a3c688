/** Stills of the user's favourite cameras, renewed every ten seconds. */

import { A } from "@solidjs/router";
import { ArrowRight } from "lucide-solid";
import { createSignal, For, onCleanup, Show } from "solid-js";
import { preference } from "../../api/preferences";
import type { Stream } from "../../api/types";
import { t } from "../../i18n";
import { Panel } from "../../ui/Panel";
import { StatusGlyph, statusOf } from "../../ui/Status";
import styles from "./dashboard.module.css";

const SHOWN = 8;
const RENEW = 10_000;

/** The chosen ones, or the first where none were chosen. */
export function favouritesOf(streams: readonly Stream[], chosen: readonly string[]): readonly Stream[] {
  const byId = new Map(streams.map((stream) => [stream.id, stream]));
  const found = chosen.map((id) => byId.get(id)).filter((stream) => stream !== undefined);
  if (found.length > 0) return found.slice(0, SHOWN);
  const running = streams.filter((stream) => statusOf(stream) !== "off");
  return (running.length > 0 ? running : streams).slice(0, SHOWN);
}

function Tile(props: { readonly stream: Stream; readonly turn: number }) {
  const [failed, setFailed] = createSignal(false);
  const live = (): boolean => props.stream.state === "LIVE";
  const source = (): string => `/v2/streams/${props.stream.id}/thumbnail.jpg?w=480&turn=${String(props.turn)}`;
  return (
    <A href={`/recordings/${props.stream.id}`} class={styles["tile"]}>
      <Show when={live()} fallback={<span class={styles["tileReason"]}>{props.stream.state_reason?.text}</span>}>
        <img
          src={source()}
          alt=""
          class={failed() ? styles["hidden"] : undefined}
          onError={() => setFailed(true)}
          onLoad={() => setFailed(false)}
        />
      </Show>
      <span class={styles["tileName"]}>
        <StatusGlyph status={statusOf(props.stream)} onPicture />
        <span class="ellipsis">{props.stream.name}</span>
      </span>
    </A>
  );
}

export function Favourites(props: { readonly streams: readonly Stream[] }) {
  const [chosen] = preference<readonly string[]>("favourites", []);
  const [turn, setTurn] = createSignal(Math.floor(Date.now() / RENEW));
  const timer = window.setInterval(() => {
    if (!document.hidden) setTurn(Math.floor(Date.now() / RENEW));
  }, RENEW);
  onCleanup(() => window.clearInterval(timer));
  const ids = (): readonly string[] => favouritesOf(props.streams, chosen()).map((stream) => stream.id);
  return (
    <Panel
      title={t("nav.live")}
      note={chosen().length > 0 ? t("dashboard.favourites") : undefined}
      tools={<A href="/live">{t("dashboard.openWall")}<ArrowRight size={16} /></A>}
    >
      <div class={styles["tiles"]}>
        <For each={[...ids()]}>
          {(id) => (
            <Show when={props.streams.find((stream) => stream.id === id)}>{(stream) => <Tile stream={stream()} turn={turn()} />}</Show>
          )}
        </For>
      </div>
    </Panel>
  );
}
