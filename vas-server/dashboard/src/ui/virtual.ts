/** Which rows of a long list are in view: only those are made. All rows are of one height. */

import { createEffect, createMemo, createSignal, onCleanup } from "solid-js";

export interface Span {
  readonly first: number;
  /** One past the last. */
  readonly end: number;
}

/** The rows in view with some beyond at each side. Sizes in pixels. */
export function spanOf(scroll: number, height: number, row: number, count: number, beyond = 6): Span {
  const first = Math.min(count, Math.max(0, Math.floor(scroll / row) - beyond));
  return { first, end: Math.min(count, Math.max(first, Math.ceil((scroll + height) / row) + beyond)) };
}

export interface Window {
  /** For `ref` of the scrolling element. */
  readonly ref: (element: HTMLElement) => void;
  readonly places: () => readonly number[];
  /** Height of all rows together. */
  readonly total: () => number;
  readonly width: () => number;
}

/** Follows the scrolling of an element; number and height of rows may depend on its width. `onEnd` is called when the last rows come near. */
export function createWindow(countAt: (width: number) => number, heightAt: (width: number) => number, onEnd?: () => void): Window {
  const [element, setElement] = createSignal<HTMLElement>();
  const [scroll, setScroll] = createSignal(0);
  const [size, setSize] = createSignal({ width: 0, height: 800 });
  const count = (): number => countAt(size().width);
  const rowHeight = (): number => heightAt(size().width);
  createEffect(() => {
    const scroller = element();
    if (!scroller) return;
    const measure = (): void => void setSize({ width: scroller.clientWidth, height: scroller.clientHeight });
    const follow = (): void => void setScroll(scroller.scrollTop);
    const observer = new ResizeObserver(measure);
    observer.observe(scroller);
    scroller.addEventListener("scroll", follow, { passive: true });
    measure();
    onCleanup(() => {
      observer.disconnect();
      scroller.removeEventListener("scroll", follow);
    });
  });
  const span = createMemo(() => spanOf(scroll(), size().height, rowHeight(), count()), undefined, {
    equals: (a, b) => a.first === b.first && a.end === b.end,
  });
  const places = createMemo(() => Array.from({ length: Math.max(0, span().end - span().first) }, (_, place) => span().first + place));
  createEffect(() => {
    if (count() > 0 && span().end >= count()) onEnd?.();
  });
  return { ref: setElement, places, total: () => count() * rowHeight(), width: () => size().width };
}
