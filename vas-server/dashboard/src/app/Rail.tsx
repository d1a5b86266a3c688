/** The main navigation: a rail at the side, on phones a bar at the bottom. */

import { A, useLocation } from "@solidjs/router";
import { Ellipsis } from "lucide-solid";
import { createSignal, For, lazy, Show, Suspense } from "solid-js";
import { Dynamic } from "solid-js/web";
import { useStreams } from "../api/queries";
import { can, session } from "../api/session";
import { t } from "../i18n";
import { cx } from "../ui/cx";
import { StatusGlyph, statusOf } from "../ui/Status";
import { isAt, NAV, SETTINGS, type NavItem } from "./nav";
import styles from "./Shell.module.css";

const MoreDrawer = lazy(() => import("./MoreDrawer"));

function visible(item: NavItem): boolean {
  return item.scope === undefined || session() === null || can(item.scope);
}

function Logo() {
  return (
    <svg class={styles["logo"]} viewBox="0 0 34 34" fill="none" aria-hidden="true">
      <rect x="1.5" y="1.5" width="31" height="31" rx="9" stroke="currentColor" stroke-width="2" />
      <path d="M9 10.5 17 24l8-13.5" stroke="currentColor" stroke-width="2.4" stroke-linejoin="round" stroke-linecap="round" />
      <circle class={styles["logoDot"]} cx="17" cy="12.2" r="2.3" />
    </svg>
  );
}

function NavLink(props: { readonly item: NavItem; readonly flag?: boolean; readonly onClick?: () => void }) {
  const location = useLocation();
  const on = (): boolean => isAt(props.item, location.pathname);
  return (
    <A href={props.item.path} class={cx(styles["nav"], on() && styles["on"])} aria-current={on() ? "page" : undefined} onClick={() => props.onClick?.()}>
      <Dynamic component={props.item.icon} size={20} />
      {t(props.item.label)}
      <Show when={props.flag}>
        <span class={styles["flag"]}>
          <StatusGlyph status="bad" size={8} />
        </span>
      </Show>
    </A>
  );
}

/** Whether a camera has failed: said at the way to the devices. */
function useFailure(): () => boolean {
  const streams = useStreams();
  return () => streams.data?.some((stream) => statusOf(stream) === "bad") ?? false;
}

export function Rail() {
  const failure = useFailure();
  return (
    <nav class={styles["rail"]} aria-label={t("nav.main")}>
      <Logo />
      <For each={NAV.filter(visible)}>{(item) => <NavLink item={item} flag={item.path === "/devices" && failure()} />}</For>
      <span class={styles["space"]} />
      <NavLink item={SETTINGS} />
    </nav>
  );
}

export function BottomBar() {
  const [open, setOpen] = createSignal(false);
  const failure = useFailure();
  const more = (): readonly NavItem[] => [...NAV.filter((item) => !item.onPhone && visible(item)), SETTINGS];
  const location = useLocation();
  const isMore = (): boolean => more().some((item) => isAt(item, location.pathname));
  return (
    <nav class={styles["bottom"]} aria-label={t("nav.main")}>
      <For each={NAV.filter((item) => item.onPhone && visible(item))}>{(item) => <NavLink item={item} />}</For>
      <button type="button" class={cx(styles["nav"], isMore() && styles["on"])} onClick={() => setOpen(true)}>
        <Ellipsis size={20} />
        {t("nav.more")}
        <Show when={failure()}>
          <span class={styles["flag"]}>
            <StatusGlyph status="bad" size={8} />
          </span>
        </Show>
      </button>
      <Show when={open()}>
        <Suspense>
          <MoreDrawer items={more()} onClose={() => setOpen(false)} />
        </Suspense>
      </Show>
    </nav>
  );
}
