import type { Guard, GuardVerdict, Requirements } from "./types.ts";

/** Verifies a token as `Guard.verify` does. A verdict from the cache is returned without a promise, which saves a turn of the event loop. */
export type VerifyAtOnce = (
  token: string,
  requirements?: Requirements,
) => GuardVerdict | Promise<GuardVerdict>;

const key = Symbol("latchkey.verifyAtOnce");

/** Returns the `verify` of a guard whose gates may use `verifyAtOnce`. */
export function verifyOf(verifyAtOnce: VerifyAtOnce): Guard["verify"] {
  const verify = (token: string, requirements?: Requirements) =>
    Promise.resolve(verifyAtOnce(token, requirements));
  // `verifyAtOnce` is a property of the function. So a service that replaces `guard.verify` replaces both.
  return Object.assign(verify, { [key]: verifyAtOnce });
}

/** Verifies a token with a guard, at once if it can. */
export function verifyAtOnce(
  guard: Guard,
  token: string,
  requirements: Requirements | undefined,
): GuardVerdict | Promise<GuardVerdict> {
  const { verify }: { verify: Guard["verify"] & { [key]?: VerifyAtOnce } } = guard;
  return verify[key] ? verify[key](token, requirements) : guard.verify(token, requirements);
}
