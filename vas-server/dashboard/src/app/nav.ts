/** The pages of the dashboard, as the rail, the bottom bar and the palette list them. */

import { Bookmark, Cctv, ChartColumn, Film, Grid2x2, Image, LayoutDashboard, Settings } from "lucide-solid";
import type { Key } from "../i18n";
import type { Scope } from "../api/types";
import type { IconType } from "../ui/Button";

export interface NavItem {
  readonly path: string;
  readonly label: Key;
  readonly icon: IconType;
  /** Without it the page has nothing to show. */
  readonly scope?: Scope;
  /** Second stroke after G. */
  readonly key?: string;
  /** One of the five of the phone's bar. */
  readonly onPhone?: boolean;
}

export const NAV: readonly NavItem[] = [
  { path: "/", label: "nav.dashboard", icon: LayoutDashboard, key: "d", onPhone: true },
  { path: "/live", label: "nav.live", icon: Grid2x2, scope: "streams:read", key: "l", onPhone: true },
  { path: "/recordings", label: "nav.recordings", icon: Film, scope: "streams:read", key: "r", onPhone: true },
  { path: "/bookmarks", label: "nav.bookmarks", icon: Bookmark, scope: "bookmarks:read", key: "b", onPhone: true },
  { path: "/snapshots", label: "nav.snapshots", icon: Image, scope: "snapshots:read" },
  { path: "/devices", label: "nav.devices", icon: Cctv, scope: "streams:read" },
  { path: "/analytics", label: "nav.analytics", icon: ChartColumn, scope: "streams:read" },
];

export const SETTINGS: NavItem = { path: "/settings", label: "nav.settings", icon: Settings };

/** Whether a page or one of its parts is shown at `path`. */
export function isAt(item: NavItem, path: string): boolean {
  return item.path === "/" ? path === "/" : path === item.path || path.startsWith(item.path + "/");
}
