import type { Timestamp } from "@bufbuild/protobuf/wkt";
import type { Column } from "./grid.ts";
import { timeText } from "./text.ts";

/** Returns a column of times. A narrow terminal shows how far they are from now. `none` stands for a time that is unset. */
export function timeColumn<T>(title: string, time: (item: T) => Timestamp | undefined, none = ""): Column<T> {
  return {
    title,
    whole: true,
    value: (item) => timeText(time(item)) || none,
    short: (item) => distanceText(time(item)) || none,
  };
}

const units: [name: string, seconds: number, most: number][] = [
  ["min", 60, 100],
  ["h", 3600, 100],
  ["d", 86_400, 1_000],
  ["y", 31_557_600, Number.POSITIVE_INFINITY],
];

/** Returns how far a time is from now, such as `5 min ago` or `in 90 d`, or nothing if it is unset. */
export function distanceText(time: Timestamp | undefined, now = Date.now()): string {
  if (!time) return "";
  const seconds = Number(time.seconds) - now / 1000;
  const size = Math.abs(seconds);
  if (size < 60) return "now";
  for (const [name, length, most] of units) {
    const count = Math.floor(size / length);
    if (count < most) return seconds < 0 ? `${count} ${name} ago` : `in ${count} ${name}`;
  }
  return timeText(time);
}
