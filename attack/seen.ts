import { quantile } from "../bench/closed-loop.ts";
import type { VictimReport } from "./victim.ts";

/** The observations of a victim, and how many cores processes outside the run used at the same time. */
export interface VictimSeen extends VictimReport {
  otherCores: number;
}

/** Returns the 99th percentile of one series, in milliseconds. */
export function p99Of({ series }: VictimReport, name: string): number {
  const found = series.find((one) => one.name === name);
  if (!found) throw new Error(`the victim has no series "${name}"`);
  return p99(found.latencies);
}

/** Returns the 99th percentile. */
export function p99(values: readonly number[]): number {
  return quantile(
    values.toSorted((a, b) => a - b),
    0.99,
  );
}

/** Returns the observations in one line. */
export function describe({ series, lateness, otherCores }: VictimSeen): string {
  const parts = series.map(
    ({ name, latencies, failures }) => `${name} ${p99(latencies).toFixed(1)} ${JSON.stringify(failures)}`,
  );
  return `${parts.join(", ")}; late ${p99(lateness).toFixed(1)}, others ${otherCores.toFixed(2)} cores`;
}
