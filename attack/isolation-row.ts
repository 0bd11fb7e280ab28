import { decimals, whole } from "../bench/compare.ts";
import type { Outcome } from "./isolation.ts";
import type { Row } from "./part.ts";
import type { Counts } from "./repeat.ts";
import { p99, p99Of } from "./seen.ts";

// Above these, the machine did something else, and the latencies tell about that as well.
const punctualMs = 5;
const quietCores = 0.2;

/** The line of the table for one attack. Calm is the better of before and after, so that no aftermath raises the limit. */
export function isolationRow({ scenario, before, attacked, after, counts }: Outcome): Row {
  const calmOf = (name: string) => Math.min(p99Of(before, name), p99Of(after, name));
  const limit = limitOf(calmOf("warm"));
  const failures = attacked.series.flatMap((one) => Object.entries(one.failures));
  const refused = failures.reduce((sum, [, count]) => sum + count, 0);
  const sent = attacked.series.reduce((sum, { latencies }) => sum + latencies.length, 0);
  const others = ["first look-ups", "new connections"].map(
    (name) => `${name} ${decimals(p99Of(attacked, name))} (calm ${decimals(calmOf(name))})`,
  );
  const late = p99(attacked.lateness);
  const otherCores = Math.max(...[before, attacked, after].map((seen) => seen.otherCores));
  const measured = [
    `p99 **${decimals(p99Of(attacked, "warm"))} ms** (calm ${decimals(calmOf("warm"))})`,
    ...others,
    `refused ${refused} of ${whole(sent)}${refused > 0 ? `: ${countsText(tally(failures))}` : ""}`,
    ...(late > punctualMs ? [`the victim itself sent ${decimals(late)} ms late`] : []),
    ...(otherCores > quietCores ? [`other processes used ${decimals(otherCores)} cores`] : []),
    `the attacker saw ${countsText(counts)}`,
  ];
  return {
    attack: `isolation: ${scenario.title}`,
    measured: measured.join("; "),
    limit: `p99 ≤ ${decimals(limit)} ms, 0 refused`,
    held: refused === 0 && p99Of(attacked, "warm") <= limit,
  };
}

/** The limit of the issue: twice what is calm, or 20 ms more. */
export function limitOf(calmP99: number): number {
  return Math.max(2 * calmP99, calmP99 + 20);
}

function tally(entries: [string, number][]): Counts {
  const counts: Counts = {};
  for (const [name, count] of entries) counts[name] = (counts[name] ?? 0) + count;
  return counts;
}

function countsText(counts: Counts): string {
  const entries = Object.entries(counts).toSorted(([, a], [, b]) => b - a);
  return entries.map(([name, count]) => `${whole(count)} × ${name}`).join(", ") || "nothing";
}
