/** What can be done with the chosen ones of a list. */

import { Download, Trash2 } from "lucide-solid";
import { createSignal, Show } from "solid-js";
import { t } from "../i18n";
import { Button } from "./Button";
import { Dialog } from "./Dialog";
import styles from "./SelectionBar.module.css";

interface SelectionBarProps {
  readonly count: number;
  readonly canDelete: boolean;
  readonly question: string;
  readonly onDownload: () => Promise<void>;
  readonly onDelete: () => Promise<void>;
  readonly onClear: () => void;
}

export function SelectionBar(props: SelectionBarProps) {
  const [asking, setAsking] = createSignal(false);
  const [busy, setBusy] = createSignal(false);
  const run = async (work: () => Promise<void>): Promise<void> => {
    setBusy(true);
    await work();
    setBusy(false);
    setAsking(false);
  };
  return (
    <div class={styles["bar"]} role="toolbar" aria-label={t("select.count", { n: props.count })}>
      <b>{t("select.count", { n: props.count })}</b>
      <Button size="small" icon={Download} busy={busy()} onClick={() => void run(() => props.onDownload())}>{t("do.download")}</Button>
      <Show when={props.canDelete}>
        <Button size="small" look="danger" icon={Trash2} busy={busy()} onClick={() => setAsking(true)}>{t("do.delete")}</Button>
      </Show>
      <Button size="small" look="quiet" onClick={() => props.onClear()}>{t("do.cancel")}</Button>
      <Dialog
        open={asking()}
        onClose={() => setAsking(false)}
        title={props.question}
        footer={
          <>
            <Button onClick={() => setAsking(false)}>{t("do.cancel")}</Button>
            <Button look="danger" busy={busy()} onClick={() => void run(() => props.onDelete())}>{t("do.delete")}</Button>
          </>
        }
      >
        <p>{t("select.deleteText")}</p>
      </Dialog>
    </div>
  );
}
