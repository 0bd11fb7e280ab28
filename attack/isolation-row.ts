import { decimals, whole } from "../bench/compare.ts";
import type { Outcome } from "./isolation.ts";
import type { Row } from "./part.ts";
import type { Counts } from "./repeat.ts";
import { p99, p99Of } from "./seen.ts";

// Above these values, other work on the machine has influenced the latencies.
const punctualMs = 5;
const quietCores = 0.2;

/**
 * Returns the row of one attack. The calm value is the better one of before and after the attack, so that after-effects of
 * an attack do not raise the limit.
 */
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
    ...(late > punctualMs ? [`the victim sent its requests ${decimals(late)} ms late`] : []),
    ...(otherCores > quietCores ? [`other processes used ${decimals(otherCores)} cores`] : []),
    `the attacker got ${countsText(counts)}`,
  ];
  return {
    attack: `isolation: ${scenario.title}`,
    measured: measured.join("; "),
    limit: `p99 ≤ ${decimals(limit)} ms, 0 refused`,
    held: refused === 0 && p99Of(attacked, "warm") <= limit,
  };
}

/** Returns the limit: twice the calm value, or 20 ms more than it, whichever is greater. */
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
