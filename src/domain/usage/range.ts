import { invalidField } from "../kernel/error.ts";
import { hourMs } from "../kernel/usage-batch.ts";

/** A time range of whole intervals. */
export interface UsageRange {
  start: Date;
  end: Date;
  /** The number of its intervals. */
  intervals: number;
}

/** A time range as a request names it. */
export interface RangeInput {
  startTime: Date | undefined;
  endTime: Date | undefined;
  interval: "hour" | "day";
}

interface Interval {
  ms: number;
  maxIntervals: number;
  defaultIntervals: number;
}

const intervals: Record<RangeInput["interval"], Interval> = {
  hour: { ms: hourMs, maxIntervals: 744, defaultIntervals: 24 },
  day: { ms: 24 * hourMs, maxIntervals: 400, defaultIntervals: 30 },
};

/**
 * Returns the time range of a request, rounded to whole intervals in UTC. It begins no earlier than the retention. Fails with a
 * violation if the range is empty or has too many intervals.
 */
export function usageRange(
  { startTime, endTime, interval }: RangeInput,
  retentionMs: number,
  now: number = Date.now(),
): UsageRange {
  const { ms, maxIntervals, defaultIntervals } = intervals[interval];
  const end = Math.ceil((endTime?.getTime() ?? now) / ms) * ms;
  const start = startTime ? Math.floor(startTime.getTime() / ms) * ms : end - defaultIntervals * ms;
  if (start >= end) throw invalidField("start_time", "expected a time before end_time");
  const count = (end - start) / ms;
  if (count > maxIntervals) {
    const unit = interval === "hour" ? "hours" : "days";
    throw invalidField("start_time", `expected at most ${maxIntervals} ${unit} before end_time`);
  }
  const kept = Math.ceil((now - retentionMs) / hourMs) * hourMs;
  return { start: new Date(Math.max(start, kept)), end: new Date(end), intervals: count };
}
