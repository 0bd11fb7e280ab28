import { createGuardOf, productionGuardParts } from "./create-guard.ts";
import type { Guard, GuardOptions } from "./types.ts";

export type { Access, GateOptions } from "./gate.ts";
export { type Refusal, refusalOf } from "./refusal.ts";
export type * from "./types.ts";

/**
 * Creates a guard. It verifies tokens in this process as `VerifyToken` of the server at `url` does, and answers from its own
 * cache for as long as that cache is coherent. Close it when the process stops.
 */
export function createGuard(options: GuardOptions): Guard {
  return createGuardOf(options, productionGuardParts);
}
