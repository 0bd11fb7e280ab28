import type { Seen } from "./generators.ts";

/** A measurement and its limit, with one sample of each per round. */
export interface Comparison {
  what: string;
  limit: string;
  /** The ratio to reach. Unset: none is required. */
  reach?: number;
  ours: readonly Seen[];
  limits: readonly Seen[];
}

/** Returns a table of comparisons. Each ratio comes from one round, because the speed of the machine changes. */
export function comparisonTable(rows: readonly Comparison[]): string {
  return [
    "| what | limit | limit /s | ours /s | ratio (lowest to highest) | to reach | | p99 ms: limit, ours | p99 ratio |",
    "| --- | --- | --: | --: | --- | --- | --- | --- | --- |",
    ...rows.map(({ what, limit, reach, ours, limits }) => {
      const ratios = ours.map((seen, n) => seen.perSecond / (limits[n]?.perSecond ?? Number.NaN));
      const slower = ours.map((seen, n) => seen.p99 / (limits[n]?.p99 ?? Number.NaN));
      const ratio = median(ratios);
      const cells = [
        what,
        limit,
        whole(median(limits.map((seen) => seen.perSecond))),
        whole(median(ours.map((seen) => seen.perSecond))),
        `**${short(ratio)}** (${short(Math.min(...ratios))} to ${short(Math.max(...ratios))})`,
        reach === undefined ? "" : `≥ ${reach}`,
        reach === undefined ? "" : ratio >= reach ? "reached" : "**short**",
        `${decimals(median(limits.map((seen) => seen.p99)))}, ${decimals(median(ours.map((seen) => seen.p99)))}`,
        short(median(slower)),
      ];
      return `| ${cells.join(" | ")} |`;
    }),
    "",
  ].join("\n");
}

/** Returns the median. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}

export function whole(value: number): string {
  return Number.isFinite(value) ? Math.round(value).toLocaleString("en-US") : "–";
}

export function short(value: number): string {
  return Number.isFinite(value) ? value.toPrecision(2) : "–";
}

export function decimals(value: number): string {
  return value.toFixed(value < 10 ? 2 : 1);
}
