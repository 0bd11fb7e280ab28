import type { Options } from "./options.ts";
import type { Progress } from "./part-runner.ts";
import type { Stack } from "./stack.ts";

/** A part of the bench. Returns its result as Markdown. Everything that it starts ends with the stack. */
export type Part = (stack: Stack, options: Options, progress: Progress) => Promise<string>;
