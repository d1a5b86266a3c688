/** Saves the clip as a bookmark: its middle, and half of its length on both sides. */

import { Bookmark } from "lucide-solid";
import { createSignal } from "solid-js";
import type { NewBookmark } from "../../api/new-captures";
import { t } from "../../i18n";
import type { Clip } from "../../timeline/model";
import { Button } from "../../ui/Button";
import { TextField } from "../../ui/fields";
import { Popover } from "../../ui/Popover";
import styles from "./Recordings.module.css";

export default function BookmarkForm(props: { readonly clip: Clip; readonly onSave: (wanted: NewBookmark) => Promise<void> }) {
  const [open, setOpen] = createSignal(false);
  const [label, setLabel] = createSignal("");
  const [tags, setTags] = createSignal("");
  const [type, setType] = createSignal("");
  const [busy, setBusy] = createSignal(false);
  const save = async (event: SubmitEvent) => {
    event.preventDefault();
    const half = (props.clip.to - props.clip.from) / 2;
    setBusy(true);
    await props.onSave({
      center: Math.round(props.clip.from + half),
      before: half / 1_000,
      after: half / 1_000,
      label: label().trim(),
      eventType: type().trim(),
      tags: tags().split(",").map((tag) => tag.trim()).filter(Boolean),
    });
    setBusy(false);
    setOpen(false);
    setLabel("");
    setTags("");
  };
  return (
    <Popover
      title={t("recordings.saveBookmark")}
      open={open()}
      onOpenChange={setOpen}
      placement="top-end"
      triggerClass={styles["inkButton"] ?? ""}
      trigger={<><Bookmark size={16} />{t("recordings.saveBookmark")}</>}
    >
      <form class={styles["form"]} onSubmit={(event) => void save(event)}>
        <TextField label={t("recordings.label")} value={label()} onInput={setLabel} autofocus />
        <TextField label={t("recordings.tags")} value={tags()} onInput={setTags} />
        <TextField label={t("recordings.type")} value={type()} onInput={setType} />
        <Button look="ink" type="submit" busy={busy()}>{t("do.save")}</Button>
      </form>
    </Popover>
  );
}
