/** What surrounds every page: navigation, top bar, footer, messages, the palette, and the sign-in over the page. */

import { useLocation, useNavigate, type RouteSectionProps } from "@solidjs/router";
import { createEffect, createSignal, ErrorBoundary, lazy, onCleanup, Show, Suspense } from "solid-js";
import { onUnauthorized } from "../api/client";
import { startClock } from "../api/clock";
import { eventsState } from "../api/events";
import { loadPreferences, preferences } from "../api/preferences";
import { ApiError } from "../api/problem";
import { queryClient } from "../api/queries";
import { loadSession, session } from "../api/session";
import { keepUpToDate } from "../api/updates";
import { browserLanguage, LANGUAGES, t, useLanguage, type Language } from "../i18n";
import { Button } from "../ui/Button";
import { useShortcuts, type Shortcut } from "../ui/keys";
import { footUsers, setFootPlace } from "../ui/PageHead";
import { EmptyState, ErrorState, Skeleton } from "../ui/States";
import { StatusGlyph } from "../ui/Status";
import { ToastRegion } from "../ui/toast";
import { helpOpen, setHelpOpen } from "./help-open";
import { NAV } from "./nav";
import { openPalette, paletteOpen } from "./palette/open";
import { BottomBar, Rail } from "./Rail";
import styles from "./Shell.module.css";
import { useTheme, useZone } from "./theme";
import { TopBar } from "./TopBar";

const Help = lazy(() => import("./help"));
const Palette = lazy(() => import("./palette/Palette"));
const SignInAgain = lazy(() => import("../features/auth/SignInAgain"));

/** The language that the user chose, else the browser's. */
function useChosenLanguage(): void {
  createEffect(() => {
    const chosen = preferences.language;
    const next: Language = chosen !== undefined && chosen in LANGUAGES ? (chosen as Language) : browserLanguage();
    void useLanguage(next);
  });
}

function useShellShortcuts(): void {
  const navigate = useNavigate();
  const everywhere = "keys.everywhere" as const;
  useShortcuts([
    { id: "find", keys: "ctrl+k", label: "keys.find", group: everywhere, run: openPalette },
    { id: "help", keys: "?", label: "keys.help", group: everywhere, run: () => setHelpOpen(true) },
    ...NAV.filter((item) => item.key !== undefined).map((item): Shortcut => ({
      id: "go" + item.path, keys: `g ${item.key ?? ""}`, label: item.label, group: "keys.goTo", run: () => navigate(item.path),
    })),
  ]);
}

/** Who is signed in; without an answer of yes the page asks, and everything that was loaded is loaded again. */
function useSignedIn() {
  const [error, setError] = createSignal<ApiError | null>(null);
  const [expired, setExpired] = createSignal(false);
  const navigate = useNavigate();
  const location = useLocation();
  let asking: Promise<unknown> | null = null;

  const load = async (): Promise<void> => {
    try {
      await loadSession();
      setError(null);
      await loadPreferences().catch(() => undefined);
    } catch (failure) {
      if (!(failure instanceof ApiError)) throw failure;
      if (failure.status !== 401) setError(failure);
      else if (session() === null) navigate(`/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`, { replace: true });
      else setExpired(true);
    }
  };
  // Of many calls that fail together, one asks whether there still is a session.
  onUnauthorized(() => {
    if (session() !== null && !expired()) asking ??= load().finally(() => (asking = null));
  });
  void load();
  const again = (): void => {
    setExpired(false);
    void queryClient.invalidateQueries();
  };
  return { error, expired, again, load };
}

function Footer() {
  const down = (): boolean => eventsState() === "down";
  return (
    <footer class={styles["foot"]} hidden={!down() && footUsers() === 0}>
      <div class={styles["footPlace"]} ref={setFootPlace} />
      <span class={styles["events"]} role="status">
        <StatusGlyph status={down() ? "bad" : eventsState() === "connected" ? "ok" : "reconnecting"} size={8} silent />
        {down() ? t("footer.disconnected") : eventsState() === "connected" ? t("footer.connected") : t("footer.connecting")}
        <Show when={down()}>
          <span class="t3">{t("footer.polling")}</span>
        </Show>
      </span>
      <button type="button" class={styles["help"]} onClick={() => setHelpOpen(true)}>
        {t("footer.shortcuts")}
      </button>
    </footer>
  );
}

/** Where a page throws: the rest of the dashboard goes on. */
function Failed(props: { readonly error: unknown }) {
  createEffect(() => console.error(props.error));
  return <EmptyState text={t("state.failed")} action={<Button onClick={() => window.location.reload()}>{t("state.reload")}</Button>} />;
}

export function Shell(props: RouteSectionProps) {
  const signedIn = useSignedIn();
  const location = useLocation();
  useTheme();
  useZone();
  useChosenLanguage();
  useShellShortcuts();
  onCleanup(startClock());
  // No socket before it is known who asks: it would be refused and tried again.
  createEffect(() => {
    if (session() !== null) onCleanup(keepUpToDate(queryClient));
  });
  return (
    <>
      <a class={styles["skip"]} href="#page">{t("nav.skip")}</a>
      <div class={styles["app"]}>
        <Rail />
        <div class={styles["main"]}>
          <TopBar />
          <main class={styles["page"]} id="page" tabIndex={-1}>
            <Show when={session()} fallback={
              <Show when={signedIn.error()} fallback={<Skeleton rows={6} />}>
                {(error) => <ErrorState error={error()} onRetry={() => void signedIn.load()} />}
              </Show>
            }>
              <ErrorBoundary fallback={(error: unknown) => <Failed error={error} />}>
                <Suspense fallback={<Skeleton rows={6} />}>{props.children}</Suspense>
              </ErrorBoundary>
            </Show>
          </main>
          <Footer />
        </div>
        <BottomBar />
      </div>
      <Show when={paletteOpen()}>
        <Suspense><Palette /></Suspense>
      </Show>
      <Show when={signedIn.expired()}>
        <Suspense><SignInAgain onDone={signedIn.again} /></Suspense>
      </Show>
      <Show when={helpOpen()}>
        <Suspense><Help /></Suspense>
      </Show>
      <ToastRegion />
      <div class="visually-hidden" aria-live="polite" data-path={location.pathname} />
    </>
  );
}
