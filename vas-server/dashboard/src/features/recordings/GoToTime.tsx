/** Asks for a day and a time, in the zone in which times are shown. */

import { createSignal, untrack } from "solid-js";
import { t } from "../../i18n";
import { zoneOffset } from "../../i18n/time";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { TextField } from "../../ui/fields";

interface GoToTimeProps {
  readonly at: number;
  readonly onClose: () => void;
  readonly onGo: (at: number) => void;
}

/** A local time without a zone, as the field writes it. */
function written(at: number): string {
  return new Date(at + zoneOffset(at)).toISOString().slice(0, 19);
}

function read(text: string): number | null {
  const local = Date.parse(`${text}Z`);
  return Number.isFinite(local) ? local - zoneOffset(local) : null;
}

export default function GoToTime(props: GoToTimeProps) {
  const [text, setText] = createSignal(untrack(() => written(props.at)));
  const go = (event: SubmitEvent) => {
    event.preventDefault();
    const at = read(text());
    if (at === null) return;
    props.onGo(at);
    props.onClose();
  };
  return (
    <Dialog open onClose={() => props.onClose()} title={t("recordings.goToTime")}>
      <form onSubmit={go}>
        <TextField type="datetime-local" label={t("recordings.time")} value={text()} onInput={setText} autofocus />
        <p><Button look="ink" type="submit" disabled={read(text()) === null}>{t("recordings.go")}</Button></p>
      </form>
    </Dialog>
  );
}
