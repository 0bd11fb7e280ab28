import type { command } from "../command.ts";

export const tokenCommands = [] as ReturnType<typeof command>[];
