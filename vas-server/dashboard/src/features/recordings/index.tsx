/** Recordings: one camera or several, at any time; without a time, live. */

import { A, useNavigate, useParams, useSearchParams } from "@solidjs/router";
import { createEffect, createMemo, createSignal, onCleanup, Show } from "solid-js";
import { serverNow } from "../../api/clock";
import { mediaFetch } from "../../api/media";
import { useStreams } from "../../api/queries";
import type { Stream } from "../../api/types";
import { t } from "../../i18n";
import { LiveKit } from "../../media/live-kit";
import type { Clip } from "../../timeline/model";
import { Button } from "../../ui/Button";
import { EmptyState, QueryStates } from "../../ui/States";
import { PageHead } from "../../ui/PageHead";
import { Workspace } from "./Workspace";

const MOST = { desktop: 9, phone: 2 };
const PHONE = matchMedia("(max-width: 700px)");

function first(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}

/** Milliseconds or RFC 3339, as an address has it. */
function timeOf(value: string | string[] | undefined): number | null {
  const text = first(value);
  if (!text) return null;
  const at = /^\d+$/.test(text) ? Number(text) : Date.parse(text);
  return Number.isFinite(at) ? at : null;
}

export default function RecordingsPage() {
  const params = useParams<{ ids?: string }>();
  const [search, setSearch] = useSearchParams<Record<string, string>>();
  const navigate = useNavigate();
  const streams = useStreams();
  const [isPhone, setPhone] = createSignal(PHONE.matches);
  const changed = () => setPhone(PHONE.matches);
  PHONE.addEventListener("change", changed);
  const kit = new LiveKit({ fetch: mediaFetch });
  onCleanup(() => {
    PHONE.removeEventListener("change", changed);
    kit.close();
  });

  const ids = createMemo<readonly string[]>((before) => {
    const most = isPhone() ? MOST.phone : MOST.desktop;
    const next = [...new Set((params.ids ?? "").split(",").filter(Boolean))].slice(0, most);
    return next.join() === before.join() ? before : next;
  }, []);
  const setIds = (next: readonly string[]) => navigate(`/recordings/${next.join(",")}${window.location.search}`, { replace: true });
  // Without a camera in the address it is the first: an empty player helps nobody.
  createEffect(() => {
    const [one] = streams.data ?? [];
    if (ids().length === 0 && one) setIds([one.id]);
  });
  const chosen = createMemo(() => ids().map((id) => streams.data?.find((stream) => stream.id === id)).filter((stream): stream is Stream => stream !== undefined));
  const clip = (): Clip | null => {
    const [from, to] = [timeOf(search["in"]), timeOf(search["out"])];
    return from !== null && to !== null && to > from ? { from, to } : null;
  };

  return (
    <QueryStates
      query={streams}
      rows={6}
      isEmpty={(all) => all.length === 0}
      empty={<EmptyState text={t("recordings.none")} action={<A href="/devices?add=1"><Button look="ink">{t("live.addCamera")}</Button></A>} />}
    >
      {(all) => (
        <Show
          when={chosen().length > 0}
          fallback={<Show when={ids().length > 0}><PageHead title={t("recordings.title")} /><EmptyState text={t("state.cameraGone")} /></Show>}
        >
          {/* The page is laid out anew between phone and desktop: the timeline is another one. */}
          <Show when={isPhone() ? "phone" : "desktop"} keyed>
            {(kind) => (
              <Workspace
                kit={kit} all={all()} streams={chosen()} now={serverNow()} compact={kind === "phone"}
                time={timeOf(search["t"])} span={timeOf(search["span"])} clip={clip()}
                onIds={setIds}
                onPlace={(place) => setSearch(place, { replace: true })}
              />
            )}
          </Show>
        </Show>
      )}
    </QueryStates>
  );
}
