/** How far back the dashboard looks. */

export const RANGES = { "1h": 3_600_000, "24h": 24 * 3_600_000, "7d": 7 * 24 * 3_600_000 } as const;
export type Range = keyof typeof RANGES;

/** Buckets of the coverage, in milliseconds: some hundreds across. */
export const BUCKETS: Readonly<Record<Range, number>> = { "1h": 10_000, "24h": 300_000, "7d": 3_600_000 };

export function rangeOf(text: string | string[] | undefined): Range {
  return text === "1h" || text === "7d" ? text : "24h";
}
