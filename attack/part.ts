import type { Progress } from "../bench/part-runner.ts";
import type { Stack } from "../bench/stack.ts";
import type { Options } from "./options.ts";

/** A row of the table: an attack, the measurement, its limit, and whether the limit held. */
export interface Row {
  attack: string;
  measured: string;
  limit: string;
  held: boolean;
}

/** A part of the run. Everything that it starts ends with the stack. */
export type Part = (stack: Stack, options: Options, progress: Progress) => Promise<Row[]>;
