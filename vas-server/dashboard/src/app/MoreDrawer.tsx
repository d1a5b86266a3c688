/** What does not fit into the phone's bar: the other pages, and what the user menu holds elsewhere. */

import { A } from "@solidjs/router";
import { For } from "solid-js";
import { Dynamic } from "solid-js/web";
import { t } from "../i18n";
import { Dialog } from "../ui/Dialog";
import type { NavItem } from "./nav";
import styles from "./Shell.module.css";
import { UserActions } from "./UserMenu";

export default function MoreDrawer(props: { readonly items: readonly NavItem[]; readonly onClose: () => void }) {
  return (
    <Dialog open onClose={() => props.onClose()} title={t("nav.more")} kind="drawer">
      <div class={styles["more"]}>
        <For each={props.items}>
          {(item) => (
            <A href={item.path} class={styles["moreLink"] ?? ""} onClick={() => props.onClose()}>
              <Dynamic component={item.icon} size={20} />
              {t(item.label)}
            </A>
          )}
        </For>
        <UserActions class={styles["moreLink"] ?? ""} onDone={() => props.onClose()} />
      </div>
    </Dialog>
  );
}
