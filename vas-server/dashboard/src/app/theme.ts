/** Theme and zone in use: what the user chose, else what the system prefers and the server has. */

import { useQuery } from "@tanstack/solid-query";
import { createEffect, createSignal, onCleanup } from "solid-js";
import { call } from "../api/client";
import { preferences, type Preferences } from "../api/preferences";
import { session } from "../api/session";
import type { SystemStats } from "../api/types";
import { setZone } from "../i18n/time";

const system = window.matchMedia("(prefers-color-scheme: light)");
const [systemLight, setSystemLight] = createSignal(system.matches);

export function isLight(theme: Preferences["theme"]): boolean {
  return theme === "light" || (theme !== "dark" && systemLight());
}

/** Keeps times in the zone that the user chose: the server's unless told otherwise. */
export function useZone(): void {
  const stats = useQuery(() => ({ queryKey: ["stats"], queryFn: ({ signal }) => call<SystemStats>("/v2/system/stats", { signal }), enabled: session() !== null }));
  createEffect(() => {
    setZone(zoneOf(preferences.zone ?? "server", stats.data?.utc_offset_minutes));
  });
}

/** The zone of a preference. Where server and browser agree, the browser's has the better name and knows its summers. */
export function zoneOf(preferred: string, serverMinutes: number | undefined): string {
  const browser = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (preferred === "browser") return browser;
  if (preferred !== "server") return preferred;
  if (serverMinutes === undefined || serverMinutes === -new Date().getTimezoneOffset()) return browser;
  if (serverMinutes === 0) return "UTC";
  const two = (value: number): string => String(value).padStart(2, "0");
  const minutes = Math.abs(serverMinutes);
  return (serverMinutes < 0 ? "-" : "+") + two(Math.floor(minutes / 60)) + ":" + two(minutes % 60);
}

/** Keeps the document's theme as the preference says. */
export function useTheme(): void {
  const changed = (): void => void setSystemLight(system.matches);
  system.addEventListener("change", changed);
  onCleanup(() => system.removeEventListener("change", changed));
  createEffect(() => {
    document.documentElement.dataset["theme"] = isLight(preferences.theme) ? "light" : "dark";
  });
}
