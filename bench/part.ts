import type { Options } from "./options.ts";
import type { Stack } from "./stack.ts";

/** A part of the bench: measures, and tells it as Markdown. What it starts ends with the stack. */
export type Part = (stack: Stack, options: Options, progress: (line: string) => void) => Promise<string>;
