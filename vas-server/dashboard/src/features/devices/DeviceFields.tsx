/** The fields of a device, when it is added and when it is changed. */

import { t } from "../../i18n";
import { TextField } from "../../ui/fields";
import styles from "./devices.module.css";

export interface Draft {
  name: string;
  rtsp_url: string;
  sub_rtsp_url: string;
  location: string;
  description: string;
}

interface DeviceFieldsProps {
  readonly draft: Draft;
  readonly onChange: (name: keyof Draft, value: string) => void;
  readonly problems: Readonly<Record<string, string>>;
  /** Without the address, which the wizard has asked for already. */
  readonly withoutUrl?: boolean;
  readonly urlHint?: string;
}

export function DeviceFields(props: DeviceFieldsProps) {
  return (
    <div class={styles["fields"]}>
      <TextField label={t("devices.field.name")} value={props.draft.name} onInput={(value) => props.onChange("name", value)} error={props.problems["name"]} required />
      {!props.withoutUrl && (
        <TextField
          label={t("devices.field.url")}
          value={props.draft.rtsp_url}
          onInput={(value) => props.onChange("rtsp_url", value)}
          error={props.problems["rtsp_url"]}
          hint={props.urlHint ?? t("devices.field.urlHint")}
          required
        />
      )}
      <TextField
        label={t("devices.field.subUrl")}
        value={props.draft.sub_rtsp_url}
        onInput={(value) => props.onChange("sub_rtsp_url", value)}
        error={props.problems["sub_rtsp_url"]}
        hint={t("devices.field.subUrlHint")}
      />
      <TextField label={t("devices.field.location")} value={props.draft.location} onInput={(value) => props.onChange("location", value)} error={props.problems["location"]} />
      <TextField label={t("devices.field.description")} value={props.draft.description} onInput={(value) => props.onChange("description", value)} error={props.problems["description"]} multiline />
    </div>
  );
}
