import { quantile } from "../bench/closed-loop.ts";
import type { VictimReport } from "./victim.ts";

/** What a victim saw, and how many cores processes that are no part of the run kept busy meanwhile. */
export interface VictimSeen extends VictimReport {
  otherCores: number;
}

/** The 99th percentile of one series, in milliseconds. */
export function p99Of({ series }: VictimReport, name: string): number {
  const found = series.find((one) => one.name === name);
  if (!found) throw new Error(`the victim saw no series "${name}"`);
  return p99(found.latencies);
}

/** The 99th percentile. */
export function p99(values: readonly number[]): number {
  return quantile(
    values.toSorted((a, b) => a - b),
    0.99,
  );
}

/** What was seen, on one line. */
export function describe({ series, lateness, otherCores }: VictimSeen): string {
  const parts = series.map(
    ({ name, latencies, failures }) => `${name} ${p99(latencies).toFixed(1)} ${JSON.stringify(failures)}`,
  );
  return `${parts.join(", ")}; late ${p99(lateness).toFixed(1)}, others ${otherCores.toFixed(2)} cores`;
}
