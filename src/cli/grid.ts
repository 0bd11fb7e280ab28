import { cut, visible, widthOf } from "./text.ts";

/** A column of a table. */
export interface Column<T> {
  readonly title: string;
  /** Returns the text of a cell. Control characters in it are shown escaped. */
  value(item: T): string;
}

const gap = "  ";
const leastWidth = 8;

/**
 * Returns the lines of a table, with a line of titles first. If `width` is set, the widest columns are cut until each line fits,
 * except the first one, which has the ids.
 */
export function grid<T>(columns: readonly Column<T>[], items: readonly T[], width?: number): string[] {
  const rows = [
    columns.map(({ title }) => title.toUpperCase()),
    ...items.map((item) => columns.map(({ value }) => visible(value(item)))),
  ];
  const widths = columns.map((_, index) => widest(rows.map((row) => row[index] ?? "")));
  if (width !== undefined) shrink(widths, width);
  return rows.map((row) => lineOf(row, widths));
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

// Not by Math.max(...), because a call has a limited number of arguments.
const widest = (texts: readonly string[]) => texts.reduce((most, text) => Math.max(most, widthOf(text)), 0);

function shrink(widths: number[], width: number): void {
  for (const [index, one] of widths.entries()) if (index > 0) widths[index] = Math.min(one, width);
  const total = () => widths.reduce((sum, one) => sum + one, 0) + gap.length * (widths.length - 1);
  while (total() > width) {
    const others = widths.slice(1);
    const largest = Math.max(...others);
    if (others.length === 0 || largest <= leastWidth) return;
    const at = widths.lastIndexOf(largest);
    widths[at === 0 ? widths.indexOf(largest, 1) : at] = largest - 1;
  }
}

function lineOf(row: readonly string[], widths: readonly number[]): string {
  const cells = row.map((cell, index) => {
    const text = cut(cell, widths[index] ?? 0);
    return text + " ".repeat(Math.max(0, (widths[index] ?? 0) - widthOf(text)));
  });
  return cells.join(gap).trimEnd();
}
