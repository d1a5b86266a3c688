/** The live wall. */

import { createMemo, createSignal, onCleanup } from "solid-js";
import { serverNow } from "../../api/clock";
import { mediaFetch } from "../../api/media";
import { useDevices, useStreams } from "../../api/queries";
import { session } from "../../api/session";
import type { Stream } from "../../api/types";
import { t } from "../../i18n";
import { LiveKit } from "../../media/live-kit";
import { Button } from "../../ui/Button";
import { EmptyState, QueryStates } from "../../ui/States";
import { Wall } from "./Wall";
import { createWallState } from "./wall-state";
import { useViews } from "./views";
import { A } from "@solidjs/router";

const PHONE = matchMedia("(max-width: 700px)");

export default function LivePage() {
  const streams = useStreams();
  const devices = useDevices();
  const views = useViews();
  const [isPhone, setPhone] = createSignal(PHONE.matches);
  const changed = () => setPhone(PHONE.matches);
  PHONE.addEventListener("change", changed);
  const kit = new LiveKit({ fetch: mediaFetch });
  onCleanup(() => {
    PHONE.removeEventListener("change", changed);
    kit.close();
  });

  const groups = createMemo(() => new Map((devices.data ?? []).map(({ id, group }) => [id, group ?? null])));
  const groupOf = (stream: Stream) => groups().get(stream.device_id) ?? null;
  const state = createWallState({ streams: () => streams.data ?? [], views: () => views.data?.views ?? [], groupOf, isPhone });
  const groupNames = createMemo(() => [...new Set([...groups().values()].filter((group) => group !== null))].sort());

  return (
    <QueryStates
      query={streams}
      rows={6}
      isEmpty={(all) => all.length === 0}
      empty={<EmptyState text={t("live.none")} action={session() ? <A href="/devices?add=1"><Button look="ink">{t("live.addCamera")}</Button></A> : undefined} />}
    >
      {(all) => <Wall kit={kit} state={state} streams={all()} groups={groupNames()} views={views.data?.views ?? []} isPhone={isPhone()} now={serverNow()} />}
    </QueryStates>
  );
}
