import { setTimeout as wait } from "node:timers/promises";
import { type Answer, outcomeOf } from "./http.ts";

/** How often each outcome occurred. */
export type Counts = Record<string, number>;

/** How an attack repeats its calls. */
export interface Pace {
  /** Calls under way at a time. */
  lanes: number;
  /** Milliseconds from one call of a lane to its next, at least: the cost is to lie in the calls, not in their number. */
  everyMs: number;
  seconds: number;
}

/** Repeats calls until the time is over and the last response has arrived. Returns the count of each outcome. */
export async function repeat(
  { lanes, everyMs, seconds }: Pace,
  act: (lane: number, n: number) => Promise<Answer>,
): Promise<Counts> {
  const counts: Counts = {};
  const endsAt = performance.now() + seconds * 1_000;
  const drive = async (_: unknown, lane: number) => {
    for (let n = 0; performance.now() < endsAt; n++) {
      const startedAt = performance.now();
      count(counts, outcomeOf(await act(lane, n).catch((error: Error) => error)));
      await wait(Math.max(0, startedAt + everyMs - performance.now()));
    }
  };
  await Promise.all(Array.from({ length: lanes }, drive));
  return counts;
}

/** Adds one to a count. */
export function count(counts: Counts, name: string, more = 1): void {
  counts[name] = (counts[name] ?? 0) + more;
}

/** A loopback address that differs from call to call, as those of many clients do. */
export function anyAddress(): string {
  const byte = () => 1 + Math.floor(Math.random() * 254);
  return `127.${byte()}.${byte()}.${byte()}`;
}
