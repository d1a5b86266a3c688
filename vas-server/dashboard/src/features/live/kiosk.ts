/** The wall as a monitor on the wall: nothing but pictures, no pointer after a while, and a screen that stays on. */

import { createEffect, createSignal, onCleanup, type Accessor } from "solid-js";

const IDLE_MS = 3_000;

export function createKiosk(on: Accessor<boolean>) {
  const [idle, setIdle] = createSignal(false);
  createEffect(() => {
    if (!on()) return;
    const stop = new AbortController();
    let lock: WakeLockSentinel | null = null;
    let timer = 0;
    const wake = () => {
      setIdle(false);
      window.clearTimeout(timer);
      timer = window.setTimeout(() => setIdle(true), IDLE_MS);
    };
    // A lock ends with every time that the page is hidden.
    const hold = async () => {
      if (document.visibilityState === "visible") lock = await navigator.wakeLock.request("screen");
    };
    const holdIfAble = () => void ("wakeLock" in navigator ? hold().catch(() => undefined) : undefined);
    for (const type of ["pointermove", "pointerdown", "keydown"]) addEventListener(type, wake, { signal: stop.signal });
    document.addEventListener("visibilitychange", holdIfAble, { signal: stop.signal });
    holdIfAble();
    wake();
    onCleanup(() => {
      stop.abort();
      window.clearTimeout(timer);
      setIdle(false);
      void lock?.release();
    });
  });
  return { on, idle };
}
