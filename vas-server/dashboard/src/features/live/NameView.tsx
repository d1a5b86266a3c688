/** Asks for the name of a view. */

import { createSignal } from "solid-js";
import { t } from "../../i18n";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { TextField } from "../../ui/fields";

export default function NameView(props: { readonly onClose: () => void; readonly onSave: (name: string) => void }) {
  const [name, setName] = createSignal("");
  return (
    <Dialog
      open
      onClose={() => props.onClose()}
      title={t("live.saveView")}
      footer={<Button look="ink" disabled={name().trim() === ""} onClick={() => props.onSave(name().trim())}>{t("do.save")}</Button>}
    >
      <TextField label={t("live.viewName")} value={name()} onInput={setName} autofocus />
    </Dialog>
  );
}
