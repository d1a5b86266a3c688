/**
 * A small chart over time (uPlot, loaded when the first one appears). Charts with the same `group` share their cursor.
 * Colours come from the tokens, so that a change of the theme draws anew.
 */

import "uplot/dist/uPlot.min.css";
import type uPlot from "uplot";
import { createEffect, createSignal, on, onCleanup, onMount } from "solid-js";
import { preferences } from "../api/preferences";
import { decimal, shortDate, shortTime, zoneOffset } from "../i18n/time";
import styles from "./Chart.module.css";

export interface ChartSeries {
  readonly label: string;
  readonly values: readonly (number | null)[];
  /** A token: `--rec` for what comes in, `--t1` for what goes out. */
  readonly color: "--rec" | "--t1" | "--t2" | "--bad" | "--warn";
  readonly fill?: boolean;
}

interface ChartProps {
  readonly label: string;
  /** Unix seconds. */
  readonly times: readonly number[];
  readonly series: readonly ChartSeries[];
  readonly group: string;
  readonly unit?: string;
  readonly max?: number;
  readonly height?: number;
  /** The place under the cursor, or null when it has left. */
  readonly onCursor?: (place: number | null) => void;
}

const DAY = 86_400;

function token(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function optionsOf(props: ChartProps, width: number, uplot: typeof uPlot): uPlot.Options {
  const axis: uPlot.Axis = {
    stroke: token("--t3"),
    font: "11px 'Hanken Grotesk', system-ui, sans-serif",
    grid: { stroke: token("--line"), width: 1 },
    ticks: { show: false },
  };
  const long = (): boolean => (props.times.at(-1) ?? 0) - (props.times[0] ?? 0) > 2 * DAY;
  return {
    width,
    height: props.height ?? 132,
    padding: [8, 8, 0, 0],
    legend: { show: false },
    cursor: { sync: { key: props.group }, y: false, drag: { x: false, y: false }, points: { size: 6 } },
    scales: { y: { range: (_plot, _min, max) => [0, props.max ?? Math.max(max * 1.08, 0.01)] } },
    axes: [
      { ...axis, size: 26, space: 70, grid: { show: false }, values: (_plot, ticks) => ticks.map((tick) => (long() ? shortDate(tick * 1_000) : shortTime(tick * 1_000))) },
      { ...axis, size: 48, space: 34, values: (_plot, ticks) => ticks.map((tick) => decimal(tick)) },
    ],
    // Ticks fall on full hours of the shown zone.
    tzDate: (at) => new Date(at * 1_000 + zoneOffset(at * 1_000) + new Date(at * 1_000).getTimezoneOffset() * 60_000),
    series: [
      {},
      ...props.series.map((one): uPlot.Series => ({
        stroke: token(one.color),
        width: 1.6,
        ...(one.fill ? { fill: token(one.color) + "28" } : {}),
        points: { show: false },
        spanGaps: false,
        ...(uplot.paths.linear ? { paths: uplot.paths.linear() } : {}),
      })),
    ],
    hooks: { setCursor: [(plot) => props.onCursor?.(plot.cursor.idx ?? null)] },
  };
}

export function Chart(props: ChartProps) {
  const [place, setPlace] = createSignal<HTMLDivElement>();
  let plot: uPlot | undefined;
  let gone = false;
  const data = (): uPlot.AlignedData => [[...props.times], ...props.series.map((one) => [...one.values])] as uPlot.AlignedData;
  onMount(() => {
    void import("uplot").then(({ default: uplot }) => {
      const element = place();
      if (gone || !element) return;
      const draw = (): void => {
        plot?.destroy();
        plot = new uplot(optionsOf(props, element.clientWidth, uplot), data(), element);
      };
      draw();
      const observer = new ResizeObserver(() => plot?.setSize({ width: element.clientWidth, height: props.height ?? 132 }));
      observer.observe(element);
      createEffect(on(data, (next) => plot?.setData(next), { defer: true }));
      createEffect(on(() => preferences.theme, () => requestAnimationFrame(draw), { defer: true }));
      onCleanup(() => observer.disconnect());
    });
  });
  onCleanup(() => {
    gone = true;
    plot?.destroy();
  });
  return <div class={styles["chart"]} ref={setPlace} role="img" aria-label={props.label} />;
}
