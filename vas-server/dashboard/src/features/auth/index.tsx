/** `/sign-in`: a page of its own, without the shell. */

import { useNavigate, useSearchParams } from "@solidjs/router";
import { createEffect, Show } from "solid-js";
import { browserLanguage, t, useLanguage } from "../../i18n";
import { SignInForm } from "./SignInForm";
import styles from "./auth.module.css";

/** Where to go after the sign-in: a path of ours, and nothing else. */
export function safePath(next: string | string[] | undefined): string {
  return typeof next === "string" && /^\/(?![/\\])/.test(next) ? next : "/";
}

export default function SignIn() {
  const [search] = useSearchParams();
  const navigate = useNavigate();
  createEffect(() => {
    document.title = `${t("auth.title")} · ${t("app.name")}`;
  });
  void useLanguage(browserLanguage());
  const reason = (): string | null => {
    switch (search["reason"]) {
      case "out":
        return t("auth.signedOut");
      case "everywhere":
        return t("auth.signedOutEverywhere");
      case "expired":
        return t("auth.expired");
      default:
        return null;
    }
  };
  return (
    <main class={styles["page"]}>
      <div class={styles["card"]}>
        <svg class={styles["logo"]} viewBox="0 0 34 34" fill="none" aria-hidden="true">
          <rect x="1.5" y="1.5" width="31" height="31" rx="9" stroke="currentColor" stroke-width="2" />
          <path d="M9 10.5 17 24l8-13.5" stroke="currentColor" stroke-width="2.4" stroke-linejoin="round" stroke-linecap="round" />
          <circle class={styles["dot"]} cx="17" cy="12.2" r="2.3" />
        </svg>
        <h1>{t("auth.title")}</h1>
        <Show when={reason()}>
          <p class="t2" role="status">{reason()}</p>
        </Show>
        <SignInForm onDone={() => navigate(safePath(search["next"]), { replace: true })} />
      </div>
    </main>
  );
}
