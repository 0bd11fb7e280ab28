import type { Timestamp } from "@bufbuild/protobuf/wkt";

// Control and format characters (C0, DEL, C1, those that change the direction or have no width, tags), line and paragraph
// separators, halves of a character, and letters without a shape.
const invisible = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\u115f\u1160\u3164\uffa0]/gu;

/** Returns the text with control characters escaped, so that a name cannot change the terminal or hide other text. */
export function visible(text: string): string {
  return text.replace(invisible, (one) => {
    const hex = (one.codePointAt(0) ?? 0).toString(16);
    return hex.length <= 2
      ? `\\x${hex.padStart(2, "0")}`
      : hex.length <= 4
        ? `\\u${hex.padStart(4, "0")}`
        : `\\u{${hex}}`;
  });
}

/** Returns a value as JSON in which only line breaks and ASCII spaces are invisible. JSON itself escapes only C0 characters. */
export function jsonText(value: unknown, indent?: number): string {
  const json = JSON.stringify(value, undefined, indent);
  return json.replace(invisible, (one) =>
    one === "\n"
      ? one
      : one.replace(/[\s\S]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`),
  );
}

const ofWord = /[\w.-]{1,300}$/;

/** Returns the beginning of a long text, without a part of a word at its end, because a part of a token is not recognised as one. */
export function shortened(text: string, length = 2_000): string {
  return text.length <= length ? text : `${text.slice(0, length).replace(ofWord, "")}…`;
}

// Characters that take two columns of a terminal: East Asian ones and emoji.
const wide =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}/u;
const zero = /[\p{Mn}\p{Me}\p{Cf}]/u;

/** Returns the number of columns that a text takes on a terminal. */
export function widthOf(text: string): number {
  let width = 0;
  for (const one of text) width += zero.test(one) ? 0 : wide.test(one) ? 2 : 1;
  return width;
}

/** Returns the text in at most this many columns, with `…` at the end if it was cut. Marks without a width are cut too. */
export function cut(text: string, width: number): string {
  const most = 64 + 4 * width;
  if (text.length <= most && widthOf(text) <= width) return text;
  let kept = "";
  let left = width - 1;
  for (const one of text) {
    left -= widthOf(one);
    if (left < 0 || kept.length >= most) break;
    kept += one;
  }
  return `${kept}…`;
}

/** Returns a time as `2026-11-22 06:40:03Z`, or nothing if it is unset. */
export function timeText(time: Timestamp | undefined): string {
  if (!time) return "";
  const date = new Date(Number(time.seconds) * 1000);
  if (Number.isNaN(date.getTime())) return `${time.seconds} s`;
  return date
    .toISOString()
    .replace("T", " ")
    .replace(/\.\d+Z$/, "Z");
}

/** Returns the name of a value of a generated enum as a word, such as `service`. An unknown value is its number. */
export function wordOf(values: Readonly<Record<string, string | number>>, value: number): string {
  const name = Object.keys(values).find((one) => values[one] === value && one !== "UNSPECIFIED");
  return name === undefined ? (value === 0 ? "" : String(value)) : name.toLowerCase().replaceAll("_", "-");
}

/** Returns labels as `env=prod,team=ai`. */
export function labelsText(labels: Readonly<Record<string, string>> | undefined): string {
  return Object.entries(labels ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${value}`)
    .join(",");
}
