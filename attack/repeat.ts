import { setTimeout as wait } from "node:timers/promises";
import { type HttpResponse, outcomeOf } from "./http.ts";

/** How often each outcome occurred. */
export type Counts = Record<string, number>;

/** How an attack repeats its calls. */
export interface Pace {
  /** How many callers there are. Each makes one call at a time. */
  callers: number;
  /** The least time between two calls of a caller, in milliseconds. So the cost comes from the calls, not their number. */
  everyMs: number;
  seconds: number;
}

/** Repeats calls until the time is over and the last response has arrived. Returns how often each outcome occurred. */
export async function repeat(
  { callers, everyMs, seconds }: Pace,
  act: (caller: number, n: number) => Promise<HttpResponse>,
): Promise<Counts> {
  const counts: Counts = {};
  const endsAt = performance.now() + seconds * 1_000;
  const drive = async (_: unknown, caller: number) => {
    for (let n = 0; performance.now() < endsAt; n++) {
      const startedAt = performance.now();
      count(counts, outcomeOf(await act(caller, n).catch((error: Error) => error)));
      await wait(Math.max(0, startedAt + everyMs - performance.now()));
    }
  };
  await Promise.all(Array.from({ length: callers }, drive));
  return counts;
}

/** Adds `more` to a count. */
export function count(counts: Counts, name: string, more = 1): void {
  counts[name] = (counts[name] ?? 0) + more;
}

/** Returns a random loopback address, so that calls seem to come from many clients. */
export function anyAddress(): string {
  const byte = () => 1 + Math.floor(Math.random() * 254);
  return `127.${byte()}.${byte()}.${byte()}`;
}
