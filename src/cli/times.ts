import { type Timestamp, timestampFromMs } from "@bufbuild/protobuf/wkt";
import { parseDuration } from "../config/parse.ts";
import { usageError } from "./failure.ts";

const absolute = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d))?$/;

/**
 * Returns the time that an option names: a duration before now such as `24h` or `7d`, a day in UTC such as `2026-11-22`, or a time
 * with its zone such as `2026-11-22T06:40:00Z`.
 */
export function timeOf(option: string, text: string, now: number): Timestamp {
  const duration = parseDuration(text);
  if (duration !== undefined) return timestampFromMs(now - duration);
  const time = absolute.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(time)) {
    throw usageError(
      `--${option}: expected a duration such as 24h or 7d, or a time such as 2026-11-22T06:40:00Z`,
    );
  }
  return timestampFromMs(time);
}
