import type { Bar, Series as ChartSeries } from "../../ui/chart.tsx";

/** A count of one interval. */
export interface Point {
  start: Date;
  count: number;
}

/** The counts of one group, such as a verdict. */
export interface Counts {
  environment: number;
  verdict: number;
  points: readonly Point[];
}

/** A time range of whole intervals. */
export interface Range {
  start: Date;
  end: Date;
  interval: "hour" | "day";
}

const hourMs = 3_600_000;
const msOf = { hour: hourMs, day: 24 * hourMs } as const;

/** The ranges that the page offers. */
export const ranges = {
  day: { label: "24 hours", interval: "hour", count: 24 },
  week: { label: "7 days", interval: "hour", count: 168 },
  month: { label: "30 days", interval: "day", count: 30 },
  quarter: { label: "90 days", interval: "day", count: 90 },
  year: { label: "365 days", interval: "day", count: 365 },
} as const;
/** The name of a range. */
export type RangeName = keyof typeof ranges;

/** Returns a range that ends with the interval of `now`. Intervals begin at full hours and days, in UTC. */
export function rangeOf(name: RangeName, now: number): Range {
  const { interval, count } = ranges[name];
  const ms = msOf[interval];
  const end = (Math.floor(now / ms) + 1) * ms;
  return { start: new Date(end - count * ms), end: new Date(end), interval };
}

/** Returns the starts of the intervals of a range. */
export function startsOf({ start, end, interval }: Range): Date[] {
  const ms = msOf[interval];
  const count = Math.round((end.getTime() - start.getTime()) / ms);
  return Array.from({ length: count }, (_, index) => new Date(start.getTime() + index * ms));
}

/** How the chart splits the counts. */
export type Split = "result" | "verdict" | "environment";

interface Group {
  name: string;
  tone: ChartSeries["tone"];
}

/**
 * Returns the series and bars of a chart. Each interval has a bar, also one without verifications. By verdict, the two most
 * frequent refusals have a series, and all others share one.
 */
export function chartOf(
  counts: readonly Counts[],
  range: Range,
  split: Split,
  words: { verdict(verdict: number): string },
): { series: ChartSeries[]; bars: Bar[] } {
  const groupOf = grouping(counts, split, words);
  const series: Group[] = [];
  for (const one of counts) {
    const group = groupOf(one);
    if (!series.some(({ name }) => name === group.name)) series.push(group);
  }
  series.sort((a, b) => tones.indexOf(a.tone) - tones.indexOf(b.tone));
  const bins = new Map(startsOf(range).map((start) => [start.getTime(), series.map(() => 0)]));
  for (const one of counts) {
    const index = series.findIndex(({ name }) => name === groupOf(one).name);
    for (const { start, count } of one.points) {
      const values = bins.get(start.getTime());
      if (values) values[index] = (values[index] ?? 0) + count;
    }
  }
  const bars = [...bins].map(([start, values]) => ({
    label: labelOf(new Date(start), range.interval),
    values,
  }));
  return { series, bars };
}

const valid = 1;
const tones: readonly ChartSeries["tone"][] = ["accent", "warning", "danger", "neutral"];
const environments: Readonly<Record<number, Group>> = {
  1: { name: "Test", tone: "warning" },
  2: { name: "Live", tone: "accent" },
};

function grouping(
  counts: readonly Counts[],
  split: Split,
  words: { verdict(verdict: number): string },
): (one: Counts) => Group {
  if (split === "environment") {
    return ({ environment }) => environments[environment] ?? { name: "No environment", tone: "neutral" };
  }
  if (split === "result") {
    return ({ verdict }) =>
      verdict === valid ? { name: "Accepted", tone: "accent" } : { name: "Refused", tone: "danger" };
  }
  const [first, second] = mostFrequent(counts.filter(({ verdict }) => verdict !== valid));
  return ({ verdict }) => {
    if (verdict === valid) return { name: words.verdict(verdict), tone: "accent" };
    if (verdict === first) return { name: words.verdict(verdict), tone: "danger" };
    if (verdict === second) return { name: words.verdict(verdict), tone: "warning" };
    return { name: "Other refusals", tone: "neutral" };
  };
}

function mostFrequent(counts: readonly Counts[]): number[] {
  const totals = new Map<number, number>();
  for (const one of counts) totals.set(one.verdict, (totals.get(one.verdict) ?? 0) + totalOf(one.points));
  return [...totals].sort((a, b) => b[1] - a[1]).map(([verdict]) => verdict);
}

/** Returns the sum of points. */
export function totalOf(points: readonly Point[]): number {
  return points.reduce((sum, { count }) => sum + count, 0);
}

function labelOf(start: Date, interval: Range["interval"]): string {
  const hour = interval === "hour" ? ({ hour: "2-digit", minute: "2-digit", hour12: false } as const) : {};
  return start.toLocaleString("en-GB", { timeZone: "UTC", day: "numeric", month: "short", ...hour });
}
