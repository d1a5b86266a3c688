/** The server's time: ours, corrected by what its answers say. Everything that is shown goes by it. */

import { createSignal } from "solid-js";
import { events } from "./events";

const [offset, setOffset] = createSignal(0);
const [now, setNow] = createSignal(Date.now());

/** Notes a time that the server has just told (RFC 3339). Small differences are the way of the answer. */
export function noteServerTime(at: string): void {
  const told = Date.parse(at);
  if (!Number.isFinite(told)) return;
  const next = told - Date.now();
  if (Math.abs(next - offset()) > 500) setOffset(next);
}

/** The server's time in milliseconds, as of this call. */
export function serverTime(): number {
  return Date.now() + offset();
}

/** The server's time, renewed every second: reading it subscribes. */
export const serverNow = now;

/** Lets `serverNow` tick; returns what ends it. */
export function startClock(): () => void {
  const ends = events.subscribe("metrics", (_data, _seq, at) => noteServerTime(at));
  const timer = window.setInterval(() => setNow(serverTime()), 1_000);
  setNow(serverTime());
  return () => {
    ends();
    window.clearInterval(timer);
  };
}
