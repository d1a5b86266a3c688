/** Clips as files: a short one of one camera at once, others written by the server. */

import { download, fileName } from "../../api/captures";
import { withQuery } from "../../api/client";
import type { Stream } from "../../api/types";
import { t } from "../../i18n";
import { percent } from "../../i18n/time";
import type { Clip } from "../../timeline/model";
import { sentenceOf } from "../../ui/States";
import { toast } from "../../ui/toast";
import { createExport, fetchExport, type Export } from "./data";

/** Up to this length one camera's clip comes straight. */
const DIRECT_MS = 600_000;
const LOOK_MS = 1_500;

/** Follows an export until it is over, in one message. */
async function follow(started: Export): Promise<void> {
  let now = started;
  let close = toast({ text: t("recordings.exportStarted"), duration: 60_000 });
  let told = "";
  while (now.status === "queued" || now.status === "running") {
    await new Promise((done) => setTimeout(done, LOOK_MS));
    now = await fetchExport(started.id);
    const text = t("recordings.exportRunning", { name: now.name, percent: percent(now.progress, 0) });
    if (now.status !== "running" || text === told) continue;
    told = text;
    close();
    close = toast({ text, duration: 60_000 });
  }
  close();
  if (now.status === "failed") {
    toast({ text: t("recordings.exportFailed", { name: now.name, reason: now.error ?? "" }), kind: "bad" });
    return;
  }
  const { files } = now;
  toast({
    text: t("recordings.exportReady", { name: now.name }), kind: "ok", duration: 60_000,
    actions: [{ label: t("do.download"), run: () => void download(files) }],
  });
}

/** Saves a clip of the cameras that are shown, each as a file of its own. */
export async function saveClip(streams: readonly Stream[], clip: Clip): Promise<void> {
  const [one] = streams;
  if (!one) return;
  const [start, end] = [new Date(clip.from).toISOString(), new Date(clip.to).toISOString()];
  if (streams.length === 1 && clip.to - clip.from <= DIRECT_MS) {
    const name = `${fileName(one.name, start.slice(0, 19))}.mp4`;
    await download([{ url: withQuery(`/v2/streams/${one.id}/clip.mp4`, { start, end }), name }]);
    return;
  }
  try {
    const names = streams.map(({ name }) => name).join(", ");
    await follow(await createExport(streams.map(({ id }) => id), clip.from, clip.to, names));
  } catch (error) {
    toast({ text: sentenceOf(error), kind: "bad" });
  }
}
