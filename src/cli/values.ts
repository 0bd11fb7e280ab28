import { parseDuration } from "../config/parse.ts";
import { usageError } from "./failure.ts";

/** Returns labels from `NAME=VALUE` options. */
export function labelsOf(options: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    options.map((one) => {
      const at = one.indexOf("=");
      if (at < 1) throw usageError(`--label: expected NAME=VALUE, such as env=staging`);
      return [one.slice(0, at), one.slice(at + 1)];
    }),
  );
}

/** Returns the milliseconds of an option such as `30m`, `24h` or `7d`. */
export function durationOf(option: string, text: string): number {
  const ms = text === "0" || text === "0s" ? 0 : parseDuration(text);
  if (ms === undefined) throw usageError(`--${option}: expected a duration such as 30m, 24h or 7d`);
  return ms;
}

/** Returns the time of an option: a duration from now, such as `30d`, or a time such as `2027-01-31T12:00:00Z`. */
export function timeOf(option: string, text: string): Date {
  const ms = parseDuration(text);
  if (ms !== undefined) return new Date(Date.now() + ms);
  const time = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d))?$/.test(text)
    ? Date.parse(text)
    : Number.NaN;
  if (Number.isNaN(time)) {
    throw usageError(`--${option}: expected a duration such as 30d, or a time such as 2027-01-31T12:00:00Z`);
  }
  return new Date(time);
}

/** Returns the number of an option, from 0 to 2,147,483,647. */
export function numberOf(option: string, text: string): number {
  const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value <= 2_147_483_647)) throw usageError(`--${option}: expected a whole number`);
  return value;
}

/** Returns the value of a generated enum by its word, such as `service`. The parser has checked the word. */
export function enumOf<T extends number>(
  values: Readonly<Record<string, string | T>>,
  word: string | undefined,
): T {
  const value = values[word === undefined ? "UNSPECIFIED" : word.toUpperCase().replaceAll("-", "_")];
  if (typeof value !== "number") throw usageError(`unknown value "${word}"`);
  return value;
}
