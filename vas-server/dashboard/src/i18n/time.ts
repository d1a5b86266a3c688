/**
 * Times, durations, sizes and rates as the language in use writes them. All times are shown in one zone: the server's,
 * or the browser's if the user prefers it. Inputs are milliseconds since 1970 or RFC 3339 texts.
 */

import { createSignal } from "solid-js";
import { locale, t } from ".";

export type Instant = number | string | Date;

const [zone, setZone] = createSignal<string>(Intl.DateTimeFormat().resolvedOptions().timeZone);

/** The zone in which times are shown, an IANA name or an offset such as "+01:00". */
export { zone, setZone };

const formats = new Map<string, Intl.DateTimeFormat>();

function formatIn(options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = locale() + zone() + JSON.stringify(options);
  let format = formats.get(key);
  if (!format) {
    if (formats.size > 64) formats.clear();
    formats.set(key, (format = new Intl.DateTimeFormat(locale(), { timeZone: zone(), hourCycle: "h23", ...options })));
  }
  return format;
}

export function millis(at: Instant): number {
  return typeof at === "number" ? at : new Date(at).getTime();
}

/** 14:32:07 */
export function clockTime(at: Instant): string {
  return formatIn({ hour: "2-digit", minute: "2-digit", second: "2-digit" }).format(millis(at));
}

/** 14:32 */
export function shortTime(at: Instant): string {
  return formatIn({ hour: "2-digit", minute: "2-digit" }).format(millis(at));
}

/** Sun 22 Nov */
export function shortDate(at: Instant): string {
  return formatIn({ weekday: "short", day: "numeric", month: "short" }).format(millis(at));
}

/** 22 November */
export function dayName(at: Instant): string {
  return formatIn({ day: "numeric", month: "long" }).format(millis(at));
}

/** 22 Nov 2026, 14:32:07 */
export function dateTime(at: Instant): string {
  return formatIn({
    day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit",
  }).format(millis(at));
}

/** The time where it was today, else day and time. */
export function timeOrDay(at: Instant, now: number): string {
  const day = formatIn({ year: "numeric", month: "numeric", day: "numeric" });
  const same = day.format(millis(at)) === day.format(now);
  return same ? shortTime(at) : formatIn({ day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" }).format(millis(at));
}

/** The zone's short name, such as CET. */
export function zoneName(at: Instant): string {
  const parts = formatIn({ hour: "2-digit", timeZoneName: "short" }).formatToParts(millis(at));
  return parts.find((part) => part.type === "timeZoneName")?.value ?? zone();
}

/** Milliseconds by which the zone is ahead of UTC at an instant. */
export function zoneOffset(at: number): number {
  const parts = new Intl.DateTimeFormat("en", {
    timeZone: zone(), hourCycle: "h23", year: "numeric", month: "numeric", day: "numeric",
    hour: "numeric", minute: "numeric", second: "numeric",
  }).formatToParts(at);
  const of = (type: string): number => Number(parts.find((part) => part.type === type)?.value);
  const wall = Date.UTC(of("year"), of("month") - 1, of("day"), of("hour"), of("minute"), of("second"));
  return wall - Math.floor(at / 1000) * 1000;
}

function unit(value: number, name: string, digits = 0): string {
  return new Intl.NumberFormat(locale(), {
    style: "unit", unit: name, unitDisplay: "short", maximumFractionDigits: digits,
  }).format(value);
}

/** How long ago or how long, in its one or two largest units: 40 min, 11 d 4 h. `ms`: milliseconds. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  const days = Math.floor(hours / 24);
  const two = (a: number, of: Unit, b: number, rest: Unit): string =>
    b === 0 ? t(of, { n: a }) : t(of, { n: a }) + " " + t(rest, { n: b });
  if (days > 0) return days >= 14 ? t("unit.days", { n: days }) : two(days, "unit.days", hours % 24, "unit.hours");
  if (hours > 0) return two(hours, "unit.hours", minutes % 60, "unit.minutes");
  if (minutes > 0) return minutes >= 10 ? t("unit.minutes", { n: minutes }) : two(minutes, "unit.minutes", seconds % 60, "unit.seconds");
  return t("unit.seconds", { n: seconds });
}

type Unit = "unit.days" | "unit.hours" | "unit.minutes" | "unit.seconds";

/** 1:45, 1:02:03: the length of a clip. */
export function clipLength(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const two = (n: number): string => String(n).padStart(2, "0");
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  return hours > 0 ? `${String(hours)}:${two(minutes)}:${two(seconds % 60)}` : `${String(minutes)}:${two(seconds % 60)}`;
}

const SIZES = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];

/** 1.4 GB (powers of 1000). */
export function bytes(value: number): string {
  const place = value < 1 ? 0 : Math.min(SIZES.length - 1, Math.floor(Math.log10(value) / 3));
  const scaled = value / 1000 ** place;
  return new Intl.NumberFormat(locale(), {
    style: "unit", unit: SIZES[place] ?? "byte", unitDisplay: "short", maximumFractionDigits: scaled < 100 && place > 1 ? 1 : 0,
  }).format(scaled);
}

/** A number with at most `digits` decimals. */
export function decimal(value: number, digits = 1): string {
  return new Intl.NumberFormat(locale(), { maximumFractionDigits: digits }).format(value);
}

/** 0.02 %: of a share 0..1. */
export function percent(share: number, digits = 1): string {
  return new Intl.NumberFormat(locale(), { style: "unit", unit: "percent", maximumFractionDigits: digits, unitDisplay: "short" })
    .format(share * 100)
    .replace(/(\d)%/, "$1 %");
}

/** Mb/s, of kilobits per second. */
export function megabits(kbps: number): string {
  return decimal(kbps / 1000, kbps < 100_000 ? 1 : 0);
}

/** 38 ms */
export function milliseconds(value: number): string {
  return unit(value, "millisecond");
}
