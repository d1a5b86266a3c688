/** A small line of how something went. Breaks where there are no values. */

import { Show } from "solid-js";
import { linePath } from "./line";
import styles from "./Sparkline.module.css";

interface SparklineProps {
  readonly values: readonly (number | null)[];
  readonly height?: number;
  /** The top of the line's area; the largest value otherwise. */
  readonly max?: number;
  readonly fill?: boolean;
}

const WIDTH = 120;

export function Sparkline(props: SparklineProps) {
  const height = (): number => props.height ?? 28;
  const path = () => linePath(props.values, WIDTH, height(), props.max);
  return (
    <svg class={styles["sparkline"]} width="100%" height={height()} viewBox={`0 0 ${String(WIDTH)} ${String(height())}`} preserveAspectRatio="none" aria-hidden="true">
      <Show when={props.fill}>
        <path class={styles["area"]} d={path().area} />
      </Show>
      <path class={styles["line"]} d={path().line} vector-effect="non-scaling-stroke" />
    </svg>
  );
}
