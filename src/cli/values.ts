import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { parseDuration } from "../config/parse.ts";
import { usageError } from "./failure.ts";

/** Returns labels from `--label` options such as `env=prod`. */
export function labelsOf(options: readonly string[]): Record<string, string> {
  const labels = new Map<string, string>();
  for (const one of options) {
    const at = one.indexOf("=");
    if (at < 1) throw usageError("--label: expected NAME=VALUE, such as env=prod");
    const name = one.slice(0, at);
    if (labels.has(name)) throw usageError(`--label: ${name} was given twice`);
    labels.set(name, one.slice(at + 1));
  }
  return Object.fromEntries(labels);
}

/** Returns the milliseconds of an option such as `30m`, `24h` or `7d`. */
export function durationOf(option: string, text: string): number {
  const ms = text === "0" || text === "0s" ? 0 : parseDuration(text);
  if (ms === undefined) throw usageError(`--${option}: expected a duration such as 30m, 24h or 7d`);
  return ms;
}

/** Returns a time in the past: a duration before `now` such as `24h`, a day in UTC, or a time with its zone. */
export function pastTimeOf(option: string, text: string, now = Date.now()): Timestamp {
  return timeOf(option, text, now, -1);
}

/** Returns a time in the future: a duration after `now` such as `30d`, a day in UTC, or a time with its zone. */
export function futureTimeOf(option: string, text: string, now = Date.now()): Timestamp {
  return timeOf(option, text, now, 1);
}

const absolute = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d))?$/;

function timeOf(option: string, text: string, now: number, direction: 1 | -1): Timestamp {
  const duration = parseDuration(text);
  const ms =
    duration !== undefined ? now + direction * duration : absolute.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(ms)) {
    throw usageError(
      `--${option}: expected a duration such as 24h or 7d, or a time such as 2026-11-22T06:40:00Z`,
    );
  }
  const seconds = Math.floor(ms / 1000);
  // Not by a function of the library, because help and wrong arguments do not wait until it is loaded.
  return {
    $typeName: "google.protobuf.Timestamp",
    seconds: BigInt(seconds),
    nanos: (ms - seconds * 1000) * 1_000_000,
  };
}

const largest = 2_147_483_647;

/** Returns the number of an option or argument, from 0 to 2,147,483,647. `name` is what the caller wrote, such as `--cost`. */
export function numberOf(name: string, text: string): number {
  const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value <= largest)) throw usageError(`${name}: expected a whole number from 0 to ${largest}`);
  return value;
}

/** Returns the value of a generated enum by its word, such as `service-account`. Without a word, returns 0, which means unspecified. */
export function enumOf<N extends number>(
  values: Readonly<Record<string, N | string>>,
  word: string | undefined,
): N {
  const value = values[(word ?? "unspecified").toUpperCase().replaceAll("-", "_")];
  // The parser has checked the word against the choices of the option.
  if (typeof value !== "number") throw usageError(`unknown value "${word}"`);
  return value;
}
