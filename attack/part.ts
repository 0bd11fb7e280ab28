import type { Stack } from "../bench/stack.ts";
import type { Options } from "./options.ts";

/** A line of the table: an attack, what was measured, the limit that it must stay within, and whether it did. */
export interface Row {
  attack: string;
  measured: string;
  limit: string;
  held: boolean;
}

/** A part of the run. Whatever it starts ends with the stack. */
export type Part = (stack: Stack, options: Options, progress: (line: string) => void) => Promise<Row[]>;
