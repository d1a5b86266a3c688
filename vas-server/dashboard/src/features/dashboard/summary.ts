/** The dashboard's first sentence: how many cameras are well, and what keeps the others from it. */

import { remedyOf } from "../../api/reasons";
import type { Stream } from "../../api/types";
import { t } from "../../i18n";
import { statusOf } from "../../ui/Status";

export interface Counts {
  /** Streams that should run. */
  readonly total: number;
  readonly live: number;
  readonly healthy: number;
  readonly degraded: number;
  readonly connecting: number;
  readonly failed: number;
  readonly stopped: number;
  readonly password: number;
  readonly recording: number;
}

export function countsOf(streams: readonly Stream[], isRecording: (stream: Stream) => boolean): Counts {
  const counts = { total: 0, live: 0, healthy: 0, degraded: 0, connecting: 0, failed: 0, stopped: 0, password: 0, recording: 0 };
  for (const stream of streams) {
    const status = statusOf(stream);
    if (status === "off") {
      counts.stopped += 1;
      continue;
    }
    counts.total += 1;
    if (stream.state === "LIVE") counts.live += 1;
    if (status === "ok") counts.healthy += 1;
    if (status === "warn") counts.degraded += 1;
    if (status === "reconnecting") counts.connecting += 1;
    if (status === "bad") {
      if (remedyOf(stream.state_reason?.code ?? "") === "password") counts.password += 1;
      else counts.failed += 1;
    }
    if (isRecording(stream)) counts.recording += 1;
  }
  return counts;
}

/** "46 of 48 cameras are live and recording." */
export function firstSentence({ total, live, recording, stopped }: Counts): string {
  if (total === 0) return t("dashboard.allStopped", { count: stopped });
  const values = { live, total, recording };
  const all = live === total;
  if (recording >= live && live > 0) return all ? t("dashboard.allLiveRecording", values) : t("dashboard.liveRecording", values);
  if (recording === 0) return all ? t("dashboard.allLive", values) : t("dashboard.live", values);
  return t("dashboard.liveSomeRecording", values);
}

/** "One is reconnecting, one needs a new password." Empty where there is nothing to say. */
export function secondSentence(counts: Counts): string {
  const parts = [
    counts.connecting > 0 && t("dashboard.connecting", { n: counts.connecting }),
    counts.password > 0 && t("dashboard.needPassword", { n: counts.password }),
    counts.failed > 0 && t("dashboard.failed", { n: counts.failed }),
    counts.degraded > 0 && t("dashboard.degraded", { n: counts.degraded }),
  ].filter((part) => part !== false);
  const text = parts.join(t("dashboard.and"));
  return text === "" ? "" : text.charAt(0).toUpperCase() + text.slice(1) + t("dashboard.stop");
}
