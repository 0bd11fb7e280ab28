import type { Context } from "./context.ts";
import type { AnyInput, Argument, Definition, Input, Option } from "./definition.ts";

/** One command: its definition, and what it does. */
export interface Command extends Definition {
  run(context: Context, input: AnyInput): Promise<void>;
}

/** Returns a command. The types of what `run` gets follow from its arguments and options. */
export function command<
  const A extends readonly Argument[] = readonly [],
  const O extends Readonly<Record<string, Option>> = Record<never, Option>,
>(
  definition: Omit<Definition, "arguments" | "options"> & {
    arguments?: A;
    options?: O;
    run(context: Context, input: Input<A, O>): Promise<void>;
  },
): Command {
  return {
    ...definition,
    // The parser makes the input from the same arguments and options, so its type is right.
    run: (context, input) => definition.run(context, input as Input<A, O>),
  };
}
