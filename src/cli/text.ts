import type { Timestamp } from "@bufbuild/protobuf/wkt";

// C0, DEL and C1 control characters, line and paragraph separators, and characters that change the direction of text.
const invisible = /[\p{Cc}\u2028\u2029\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/gu;

/** Returns the text with control characters escaped, so that a name cannot change the terminal or hide other text. */
export function visible(text: string): string {
  return text.replace(invisible, (one) => {
    const code = one.codePointAt(0) ?? 0;
    return code < 0x100
      ? `\\x${code.toString(16).padStart(2, "0")}`
      : `\\u${code.toString(16).padStart(4, "0")}`;
  });
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

/** Returns the text in at most this many columns, with `…` at the end if it was cut. */
export function cut(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  let kept = "";
  for (const one of text) {
    if (widthOf(kept + one) > width - 1) break;
    kept += one;
  }
  return `${kept}…`;
}

/** Returns a time as `2026-11-22 06:40:03Z`, or nothing if it is unset. */
export function timeText(time: Timestamp | undefined): string {
  if (!time) return "";
  const iso = new Date(Number(time.seconds) * 1000).toISOString();
  return iso.replace("T", " ").replace(/\.\d+Z$/, "Z");
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
