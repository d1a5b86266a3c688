/** How full the disks are, how long that lasts, and how long footage is kept. */

import { useQuery } from "@tanstack/solid-query";
import { Show } from "solid-js";
import { call } from "../../api/client";
import { t } from "../../i18n";
import { bytes, decimal } from "../../i18n/time";
import { Panel } from "../../ui/Panel";
import { QueryStates } from "../../ui/States";
import { SettingsForm } from "./SettingsForm";
import styles from "./settings.module.css";

/** Sections of the configuration that are about recordings. */
export const STORAGE: readonly string[] = ["recording", "hls"];

interface Plan {
  readonly bytes: number;
  readonly bytes_left: number | null;
  readonly bytes_per_second: number;
  readonly days_left: number | null;
  readonly days_kept: number | null;
}

export default function Storage() {
  const plan = useQuery(() => ({ queryKey: ["plan"], queryFn: ({ signal }) => call<Plan>("/api/v1/recordings/plan", { signal }) }));
  return (
    <div class={styles["stack"]}>
      <Panel title={t("dashboard.storage")}>
        <QueryStates query={plan}>
          {(data) => (
            <dl class={styles["facts"]}>
              <dt>{t("settings.stored")}</dt>
              <dd>{bytes(data().bytes)}</dd>
              <Show when={data().bytes_left !== null}>
                <dt>{t("settings.left")}</dt>
                <dd>{bytes(data().bytes_left ?? 0)}</dd>
              </Show>
              <dt>{t("settings.growth")}</dt>
              <dd>{t("settings.perDay", { size: bytes(data().bytes_per_second * 86_400) })}</dd>
              <Show when={data().days_kept !== null}>
                <dt>{t("settings.kept")}</dt>
                <dd>{t("settings.days", { n: decimal(data().days_kept ?? 0) })}</dd>
              </Show>
            </dl>
          )}
        </QueryStates>
      </Panel>
      <SettingsForm shows={(section) => STORAGE.includes(section)} />
    </div>
  );
}
