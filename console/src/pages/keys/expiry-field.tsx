import { type Timestamp, timestampDate, timestampFromDate, timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Select, TextField } from "../../ui/field.tsx";

/** When a key expires, as the user chooses it. */
export interface Expiry {
  choice: string;
  /** The day of the choice `date`, as `2026-11-22`. */
  day: string;
}

const dayMs = 86_400_000;
const choices = [
  { value: "never", label: "Never" },
  ...[1, 7, 30, 60, 90, 180].map((days) => ({
    value: `${days}`,
    label: days === 1 ? "In 1 day" : `In ${days} days`,
  })),
  { value: "365", label: "In 1 year" },
  { value: "date", label: "On a date…" },
];

/** A key without an end. */
export const never: Expiry = { choice: "never", day: "" };

/** Returns the choice that stands for a time. */
export function expiryOf(time: Timestamp | undefined): Expiry {
  return time ? { choice: "date", day: localDay(timestampDate(time)) } : never;
}

/** Returns the time of a choice, or undefined for no end. A key ends at the end of the day that the user chose. */
export function timeOf({ choice, day }: Expiry, nowMs: number): Timestamp | undefined {
  if (choice === "never") return undefined;
  if (choice !== "date") return timestampFromMs(nowMs + Number(choice) * dayMs);
  const end = new Date(`${day}T23:59:59`);
  return Number.isNaN(end.getTime()) ? undefined : timestampFromDate(end);
}

/** Returns whether a choice is complete. */
export function isComplete({ choice, day }: Expiry): boolean {
  return choice !== "date" || !Number.isNaN(new Date(`${day}T23:59:59`).getTime());
}

/** A field for the end of a key. */
export function ExpiryField({
  value,
  onChange,
  error,
}: {
  value: Expiry;
  onChange(value: Expiry): void;
  error?: string | undefined;
}) {
  return (
    <div className="fields">
      <Select
        label="Expires"
        error={value.choice === "date" ? undefined : error}
        value={value.choice}
        choices={choices}
        onChange={(choice) => onChange({ ...value, choice })}
      />
      {value.choice === "date" && (
        <TextField
          label="Last day"
          type="date"
          error={error}
          value={value.day}
          min={localDay(new Date())}
          onChange={(day) => onChange({ ...value, day })}
        />
      )}
    </div>
  );
}

function localDay(date: Date): string {
  const two = (value: number) => String(value).padStart(2, "0");
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}
