/** Above every page: its title and tools, the search, the server's clock, alerts and the user. */

import { Search } from "lucide-solid";
import { lazy, Suspense } from "solid-js";
import { serverNow } from "../api/clock";
import { t } from "../i18n";
import { clockTime, zoneName } from "../i18n/time";
import { IconButton } from "../ui/Button";
import { setHeadPlace } from "../ui/PageHead";
import { openPalette } from "./palette/open";
import styles from "./Shell.module.css";

const Alerts = lazy(() => import("./Alerts"));
const UserMenu = lazy(() => import("./UserMenu"));

export function TopBar() {
  return (
    <header class={styles["top"]}>
      <div class={styles["head"]} ref={setHeadPlace} />
      <button type="button" class={styles["find"]} onClick={openPalette}>
        <Search size={16} />
        <span class="ellipsis">{t("find.open")}</span>
        <kbd class={styles["kbd"]}>Ctrl K</kbd>
      </button>
      <time class={styles["clock"]} dateTime={new Date(serverNow()).toISOString()}>
        {clockTime(serverNow())}
        <small>{zoneName(serverNow())}</small>
      </time>
      <span class={styles["onlyPhone"]}>
        <IconButton icon={Search} iconSize={20} label={t("find.open")} onClick={openPalette} />
      </span>
      <Suspense fallback={<span class={styles["bell"]} />}>
        <Alerts />
      </Suspense>
      <Suspense fallback={<span class={styles["avatar"]} />}>
        <UserMenu />
      </Suspense>
    </header>
  );
}
