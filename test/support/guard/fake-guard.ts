import { create } from "@bufbuild/protobuf";
import { PrincipalSchema } from "../../../gen/latchkey/v1/principal_pb.ts";
import type { Guard, GuardVerdict, Requirements } from "../../../src/guard/types.ts";

/** A guard that knows its verdicts by token, and records what it verified. For adapters only: it makes no call. */
export interface FakeGuard extends Guard {
  verified: { token: string; requirements: Requirements | undefined }[];
}

/** Returns the verdict of a valid key with these permissions. */
export function accepted(permissions: string[] = []): GuardVerdict {
  const principal = create(PrincipalSchema, { keyId: "key_1", accountId: "acct_1", permissions });
  return { valid: true, reason: "VALID", message: "", principal, metadata: {}, source: "cache" };
}

/** Returns the verdict of a token that is refused for a reason. */
export function refusedFor(reason: string, more: Partial<GuardVerdict> = {}): GuardVerdict {
  const message = `refused: ${reason}`;
  const known = reason as GuardVerdict["reason"];
  return { valid: false, reason: known, message, metadata: {}, source: "server", ...more };
}

/** Creates a guard that refuses every token that is not in the table. */
export function createFakeGuard(verdicts: Record<string, GuardVerdict>): FakeGuard {
  const verified: FakeGuard["verified"] = [];
  return {
    verified,
    async verify(token, requirements) {
      verified.push({ token, requirements });
      return verdicts[token] ?? refusedFor("INVALID_API_KEY");
    },
    ready: async () => true,
    state: () => ({ stream: "open", leased: true, entries: 0, cacheHits: 0, calls: 0 }),
    close: async () => undefined,
  };
}
