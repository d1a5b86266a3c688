/** `/settings/:tab`: one's own profile for everybody; users, programs, audit, storage and the server for administrators. */

import { A, useNavigate, useParams } from "@solidjs/router";
import { createMemo, For, lazy, Show, Suspense } from "solid-js";
import { Dynamic } from "solid-js/web";
import { can } from "../../api/session";
import { t } from "../../i18n";
import { cx } from "../../ui/cx";
import { Select } from "../../ui/fields";
import { PageHead } from "../../ui/PageHead";
import { EmptyState, Skeleton } from "../../ui/States";
import { Profile } from "./Profile";
import styles from "./settings.module.css";

const TABS = [
  { name: "profile", admin: false, component: Profile },
  { name: "storage", admin: true, component: lazy(() => import("./Storage")) },
  { name: "users", admin: true, component: lazy(() => import("./Users")) },
  { name: "clients", admin: true, component: lazy(() => import("./Clients")) },
  { name: "audit", admin: true, component: lazy(() => import("./Audit")) },
  { name: "server", admin: true, component: lazy(() => import("./Server")) },
] as const;

export default function Settings() {
  const params = useParams();
  const navigate = useNavigate();
  const mine = createMemo(() => TABS.filter((tab) => !tab.admin || can("admin")));
  const tab = createMemo(() => TABS.find((one) => one.name === (params["tab"] ?? "profile")));
  const allowed = (): boolean => mine().some((one) => one.name === tab()?.name);
  return (
    <>
      <PageHead title={t("settings.title")} />
      <div class={styles["page"]}>
        <nav class={styles["tabs"]} aria-label={t("settings.title")}>
          <For each={mine()}>
            {(one) => (
              <A href={`/settings/${one.name}`} class={cx(styles["tab"], tab()?.name === one.name && styles["on"])} aria-current={tab()?.name === one.name ? "page" : undefined}>
                {t(`settings.tab.${one.name}`)}
              </A>
            )}
          </For>
        </nav>
        <div class={styles["choose"]}>
          <Select
            label={t("settings.title")}
            hideLabel
            value={tab()?.name ?? "profile"}
            options={mine().map((one) => ({ value: one.name, label: t(`settings.tab.${one.name}`) }))}
            onChange={(name) => navigate(`/settings/${name}`)}
          />
        </div>
        <div class={styles["content"]}>
          <Show when={tab()} fallback={<EmptyState text={t("state.notFound")} />}>
            {(one) => (
              <Show when={allowed()} fallback={<EmptyState text={t("state.forbidden", { scope: "admin" })} />}>
                <Suspense fallback={<Skeleton rows={6} />}>
                  <Dynamic component={one().component} />
                </Suspense>
              </Show>
            )}
          </Show>
        </div>
      </div>
    </>
  );
}
