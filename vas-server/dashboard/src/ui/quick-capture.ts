/** One key, one capture: what is made is told in a message from which it can be changed or undone. */

import { deleteCapture } from "../api/captures";
import { createBookmark, takeSnapshot, type NewBookmark } from "../api/new-captures";
import { t } from "../i18n";
import { sentenceOf } from "./States";
import { toast } from "./toast";

/** Seconds around the moment that one key bookmarks. */
const QUICK = { before: 10, after: 5 };

interface Target {
  readonly stream: string;
  readonly name: string;
}

/** Saves a bookmark; `edit` opens it for changes. */
export async function saveBookmark(target: Target, wanted: NewBookmark, edit: (id: string) => void): Promise<void> {
  try {
    const bookmark = await createBookmark(target.stream, wanted);
    toast({
      text: t("capture.bookmarkSaved", { name: target.name }),
      kind: "ok",
      actions: [
        { label: t("capture.edit"), run: () => edit(bookmark.id) },
        { label: t("do.undo"), run: () => void deleteCapture("bookmarks", bookmark.id).catch((error: unknown) => toast({ text: sentenceOf(error), kind: "bad" })) },
      ],
    });
  } catch (error) {
    toast({ text: t("capture.bookmarkFailed", { reason: sentenceOf(error) }), kind: "bad" });
  }
}

/** Bookmarks ten seconds before and five after `at` (null: now). */
export function quickBookmark(target: Target, at: number | null, edit: (id: string) => void): Promise<void> {
  return saveBookmark(target, { center: at, ...QUICK }, edit);
}

export async function quickSnapshot(target: Target, at: number | null, open: (id: string) => void): Promise<void> {
  try {
    const { id } = await takeSnapshot(target.stream, at);
    toast({
      text: t("capture.snapshotSaved", { name: target.name }),
      kind: "ok",
      actions: [{ label: t("capture.open"), run: () => open(id) }],
    });
  } catch (error) {
    toast({ text: t("capture.snapshotFailed", { reason: sentenceOf(error) }), kind: "bad" });
  }
}
