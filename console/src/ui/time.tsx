import { type Timestamp, timestampDate } from "@bufbuild/protobuf/wkt";

const units: readonly [unit: Intl.RelativeTimeFormatUnit, seconds: number][] = [
  ["year", 31_536_000],
  ["month", 2_592_000],
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];

/** A time, relative to now. The exact time is in the tooltip. Shows `otherwise` if there is no time. */
export function Time({ value, otherwise = "never" }: { value: Timestamp | undefined; otherwise?: string }) {
  if (!value) return <span className="quiet">{otherwise}</span>;
  const date = timestampDate(value);
  return (
    <time dateTime={date.toISOString()} title={exactTime(date)}>
      {relativeTime(date, Date.now())}
    </time>
  );
}

/** Returns a time with its date in the format of the browser, such as "22 Nov 2026, 08:05:00 CET". */
export function exactTime(date: Date): string {
  return date.toLocaleString(undefined, {
    dateStyle: "medium",
    timeStyle: "long",
  });
}

/** Returns the distance of a time from now, such as "3 hours ago" or "in 2 days". */
export function relativeTime(date: Date, now: number): string {
  const seconds = (date.getTime() - now) / 1000;
  const [unit, size] = units.find(([, size]) => Math.abs(seconds) >= size) ?? ["second", 1];
  if (unit === "second") return seconds > 0 ? "in less than a minute" : "just now";
  return new Intl.RelativeTimeFormat("en", { numeric: "auto" }).format(Math.round(seconds / size), unit);
}
