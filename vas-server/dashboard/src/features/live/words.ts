/** What a tile says, in the user's language: one place for all states, so that no two of them contradict each other. */

import type { Stream } from "../../api/types";
import { t } from "../../i18n";
import { clockTime, duration, percent } from "../../i18n/time";
import type { LiveSnapshot } from "../../media/live-types";
import { statusOf, type Status } from "../../ui/Status";

export type TileAction = "device" | "retry" | "start" | "remove";

export interface TileWords {
  readonly status: Status;
  readonly pulsing: boolean;
  /** In the middle of the tile; empty while the picture is enough. */
  readonly title: string;
  readonly text: string;
  readonly hint: string;
  readonly action: { readonly kind: TileAction; readonly label: string } | null;
  /** At the right of the name, only when something is not as it should be. */
  readonly right: string;
  /** How the picture behind looks. */
  readonly picture: "clear" | "dimmed" | "grey" | "none";
  /** For screen readers, and for whoever looks from outside. */
  readonly spoken: string;
}

const CONNECTING_AFTER_MS = 1_000;

const PLAIN: Omit<TileWords, "status" | "spoken"> = {
  pulsing: false, title: "", text: "", hint: "", action: null, right: "", picture: "clear",
};

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function seconds(ms: number): number {
  return Math.max(0, Math.ceil(ms / 1_000));
}

function retry(at: number | null, now: number): string {
  if (at === null) return "";
  return at > now ? t("tile.retryIn", { seconds: seconds(at - now) }) : t("tile.retrying");
}

/** A camera that the server has no pictures of: its reason, and when it tries again. */
function away(stream: Stream, snapshot: LiveSnapshot, now: number): TileWords {
  const status = statusOf(stream);
  const reason = stream.state_reason;
  const right = stream.state === "ERROR" ? t("tile.down", { time: duration(now - Date.parse(stream.state_since)) }) : "";
  const next = retry(stream.next_retry_at ? Date.parse(stream.next_retry_at) : snapshot.retryAt, now);
  const text = sentence(reason?.text ?? snapshot.reason);
  const base = { ...PLAIN, status, picture: "none" as const };
  switch (stream.state) {
    case "ERROR": {
      const password = reason?.code === "UNAUTHORIZED";
      const title = password ? t("tile.wrongPassword") : t("tile.notAvailable");
      const label = password ? t("tile.updatePassword") : t("tile.openDevice");
      const spoken = [title, text, next].filter(Boolean).join(", ");
      return { ...base, title, text, hint: next, right, spoken, action: { kind: "device", label } };
    }
    case "STOPPED":
      return { ...base, title: t("tile.off"), spoken: t("tile.off"), action: { kind: "start", label: t("tile.start") } };
    case "CLOSED":
      return { ...base, title: t("tile.gone"), spoken: t("tile.gone"), action: { kind: "remove", label: t("tile.removeTile") } };
    default: {
      const title = stream.state === "READY" ? t("tile.waiting") : t("tile.starting");
      return { ...base, title, hint: next, spoken: [title, next].filter(Boolean).join(", ") };
    }
  }
}

function refused(snapshot: LiveSnapshot): TileWords {
  const base = { ...PLAIN, status: "bad" as const, picture: "none" as const };
  if (snapshot.code === "NOT_FOUND") {
    return { ...base, title: t("tile.gone"), spoken: t("tile.gone"), action: { kind: "remove", label: t("tile.removeTile") } };
  }
  if (snapshot.code === "UNSUPPORTED_CODEC") {
    const text = sentence(snapshot.reason);
    return { ...base, title: t("tile.unplayable"), text, spoken: t("tile.unplayable"), action: { kind: "device", label: t("tile.openDevice") } };
  }
  const title = snapshot.code.startsWith("FORBIDDEN") || snapshot.code.includes("SCOPE") ? t("tile.forbidden") : sentence(snapshot.reason);
  return { ...base, title, spoken: title, action: { kind: "retry", label: t("tile.tryAgain") } };
}

function reconnecting(snapshot: LiveSnapshot, now: number): TileWords {
  const left = snapshot.retryAt === null ? 0 : seconds(snapshot.retryAt - now);
  const n = Math.max(1, snapshot.attempt);
  return {
    ...PLAIN,
    status: "reconnecting",
    title: t("tile.reconnecting"),
    // That the server is gone is said once, above the wall.
    text: snapshot.code === "SERVER_LOST" ? "" : snapshot.attempt > 0 ? t("tile.attempt", { reason: snapshot.reason, n }) : snapshot.reason,
    hint: snapshot.lastFrameAt === null ? "" : t("tile.lastPicture", { time: clockTime(snapshot.lastFrameAt) }),
    right: retry(snapshot.retryAt, now),
    picture: "grey",
    spoken: snapshot.retryAt === null ? t("tile.reconnecting") : t("tile.spokenRetry", { n, seconds: left }),
  };
}

export function tileWords(stream: Stream, snapshot: LiveSnapshot, now: number): TileWords {
  if (stream.state !== "LIVE") return away(stream, snapshot, now);
  const status = statusOf(stream);
  const loss = stream.metrics.packet_loss;
  const lossy = status === "warn" && loss > 0 ? t("live.loss", { percent: percent(loss, 0) }) : "";
  switch (snapshot.state) {
    case "refused":
      return refused(snapshot);
    case "reconnecting":
      return reconnecting(snapshot, now);
    case "stalled": {
      const title = t("tile.stopped", { seconds: seconds(now - (snapshot.lastFrameAt ?? snapshot.since)) });
      return { ...PLAIN, status: "warn", pulsing: true, title, picture: "dimmed", spoken: title };
    }
    case "late":
      return { ...PLAIN, status: "warn", pulsing: true, right: lossy, spoken: t("status.warn") };
    case "waiting-camera": {
      const text = sentence(snapshot.reason);
      return { ...PLAIN, status: "reconnecting", title: t("tile.waiting"), text, right: retry(snapshot.retryAt, now), picture: "grey", spoken: text };
    }
    case "queued":
    case "connecting": {
      if (snapshot.attempt > 0) return reconnecting(snapshot, now);
      const late = snapshot.state === "connecting" && now - snapshot.since > CONNECTING_AFTER_MS;
      const title = late ? t("tile.connecting") : "";
      return { ...PLAIN, status: "reconnecting", title, spoken: t("tile.connecting") };
    }
    default:
      return { ...PLAIN, status, right: lossy, spoken: t(`status.${status}`) };
  }
}
