import { timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt";
import type { UsageSeries } from "../../../gen/latchkey/v1/usage_pb.ts";
import { Verdict } from "../../../gen/latchkey/v1/verdict_pb.ts";

/** The verifications of one interval: accepted, limited and refused ones. */
export interface UsageBar {
  label: string;
  values: number[];
}

const dayMs = 86_400_000;

/** Returns one bar per step with the numbers of accepted, limited and refused verifications. */
export function barsOf(
  series: readonly Pick<UsageSeries, "verdict" | "points">[],
  { startMs, stepMs, steps }: { startMs: number; stepMs: number; steps: number },
): UsageBar[] {
  const values = Array.from({ length: steps }, () => [0, 0, 0]);
  for (const { verdict, points } of series) {
    const part = verdict === Verdict.VALID ? 0 : isLimit(verdict) ? 1 : 2;
    for (const { startTime, count } of points) {
      const bar = values[Math.floor((timestampMs(startTime ?? timestampFromMs(0)) - startMs) / stepMs)];
      if (bar) bar[part] = (bar[part] ?? 0) + Number(count);
    }
  }
  return values.map((one, index) => ({ label: labelOf(startMs + index * stepMs, stepMs), values: one }));
}

function isLimit(verdict: Verdict): boolean {
  return verdict === Verdict.RATE_LIMITED || verdict === Verdict.QUOTA_EXCEEDED;
}

// Days begin at midnight UTC.
function labelOf(ms: number, stepMs: number): string {
  const day = { day: "numeric", month: "short" } as const;
  return stepMs < dayMs
    ? new Date(ms).toLocaleString(undefined, { ...day, hour: "2-digit", minute: "2-digit" })
    : new Date(ms).toLocaleDateString(undefined, { ...day, timeZone: "UTC" });
}
