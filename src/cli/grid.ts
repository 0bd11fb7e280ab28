import { cut, visible, widthOf } from "./text.ts";

/** A column of a table. */
export interface Column<T> {
  readonly title: string;
  /** Returns the text of a cell. Control characters in it are shown escaped. */
  value(item: T): string;
  /** Returns a shorter text for a narrow terminal. */
  short?(item: T): string;
  /** Whether a part of the text would be useless, as of a time. */
  readonly whole?: boolean;
  /** Whether a narrow terminal can do without the column. The last ones are left out first. */
  readonly extra?: boolean;
}

const gap = "  ";
const leastWidth = 8;
// Enough of a name to recognise it.
const enough = 12;

/** A column with its texts, the title first. */
interface Shown<T> {
  readonly column: Column<T>;
  readonly texts: readonly string[];
  width: number;
}

/**
 * Returns the lines of a table, with a line of titles first. If `width` is set and the table is wider, it gets its short texts,
 * loses extra columns, and the widest others are cut until each line fits. The first column has the ids and is never cut.
 */
export function grid<T>(columns: readonly Column<T>[], items: readonly T[], width?: number): string[] {
  let shown = columns.map((column) => shownOf(column, items, column.value));
  if (width !== undefined && total(shown) > width) {
    shown = columns.map((column) => shownOf(column, items, column.short ?? column.value));
    leaveOut(shown, width);
    shrink(shown, width);
  }
  return [undefined, ...items].map((_, row) => lineOf(shown, row));
}

/** Returns the lines of one resource: a name and a value on each line. Fields without a value are left out. */
export function fieldLines(fields: readonly (readonly [name: string, value: string])[]): string[] {
  // The server names some of the fields.
  const filled = fields
    .filter(([, value]) => value !== "")
    .map(([name, value]) => [visible(name), value] as const);
  const width = widest(filled.map(([name]) => name));
  return filled.map(([name, value]) => `${name}${" ".repeat(width - widthOf(name))}${gap}${visible(value)}`);
}

function shownOf<T>(column: Column<T>, items: readonly T[], value: (item: T) => string): Shown<T> {
  const texts = [column.title.toUpperCase(), ...items.map((item) => visible(value(item)))];
  return { column, texts, width: widest(texts) };
}

// Not by Math.max(...), because a call has a limited number of arguments.
const widest = (texts: readonly string[]) => texts.reduce((most, text) => Math.max(most, widthOf(text)), 0);

const sum = (widths: readonly number[]) =>
  widths.reduce((all, one) => all + one, 0) + gap.length * (widths.length - 1);
const total = <T>(shown: readonly Shown<T>[]) => sum(shown.map(({ width }) => width));

function leaveOut<T>(shown: Shown<T>[], width: number): void {
  const least = ({ column, width: own }: Shown<T>, index: number) =>
    index === 0 || column.whole ? own : Math.min(own, enough);
  while (sum(shown.map(least)) > width) {
    const last = shown.findLastIndex(({ column }) => column.extra);
    if (last < 0) return;
    shown.splice(last, 1);
  }
}

function shrink<T>(shown: readonly Shown<T>[], width: number): void {
  const others = shown.slice(1);
  for (const one of others) one.width = Math.min(one.width, width);
  const cuttable = (one: Shown<T>) => one.width > leastWidth;
  while (total(shown) > width) {
    const wide = others.filter(cuttable);
    const candidates = wide.some(({ column }) => !column.whole)
      ? wide.filter(({ column }) => !column.whole)
      : wide;
    const largest = Math.max(...candidates.map((one) => one.width));
    const last = candidates.findLast((one) => one.width === largest);
    if (!last) return;
    last.width -= 1;
  }
}

function lineOf<T>(shown: readonly Shown<T>[], row: number): string {
  const cells = shown.map(({ texts, width }) => {
    const text = cut(texts[row] ?? "", width);
    return text + " ".repeat(Math.max(0, width - widthOf(text)));
  });
  return cells.join(gap).trimEnd();
}
