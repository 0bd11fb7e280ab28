import { timestampMs } from "@bufbuild/protobuf/wkt";
import { type Principal, PrincipalKind } from "../../gen/latchkey/v1/principal_pb.ts";
import type { VerifyTokenResponse } from "../../gen/latchkey/v1/token_service_pb.ts";
import type { Kept } from "./guard-cache.ts";
import type { GuardVerdict } from "./types.ts";
import { newUsageCounter, type UsageCounter } from "./usage-counter.ts";

/** A verdict of the cache. */
export interface CachedVerdict {
  /** All callers share it. */
  readonly verdict: GuardVerdict;
  readonly usage: UsageCounter;
}

// About what an ordinary principal takes, measured with the heap of 40,000 entries.
const bytesPerPrincipal = 1_200;
const bytesPerItem = 24;

/** Returns what the cache keeps of a response, or undefined if each verification needs a call. */
export function keptOf(
  { principal, endsAt, rateLimit, credits, tokenId }: VerifyTokenResponse,
  verdict: GuardVerdict,
): Kept<CachedVerdict> | undefined {
  // Only the server can count what a key with limits or credits draws on.
  if (!verdict.valid || !principal || rateLimit || credits) return undefined;
  // A session ends when it is idle, and an external token is not stored in the database of the server.
  if (principal.keyId === "" || principal.kind === PrincipalKind.USER) return undefined;
  return {
    value: {
      verdict: Object.freeze<GuardVerdict>({ ...verdict, source: "cache" }),
      usage: newUsageCounter(principal.keyId, tokenId),
    },
    keyId: principal.keyId,
    accountId: principal.accountId,
    endsAt: endsAt ? timestampMs(endsAt) : Number.POSITIVE_INFINITY,
    bytes: bytesOf(principal),
  };
}

// A character takes one or two bytes.
function bytesOf(principal: Principal): number {
  const { permissions, workspaceIds, entitlements, keyLabels, keyName, keyExternalId, accountExternalId } =
    principal;
  let bytes = bytesPerPrincipal + 2 * (keyName.length + keyExternalId.length + accountExternalId.length);
  for (const list of [permissions, workspaceIds, entitlements]) {
    for (const text of list) bytes += bytesPerItem + text.length;
  }
  for (const [name, value] of Object.entries(keyLabels)) {
    bytes += 2 * (bytesPerItem + name.length + value.length);
  }
  return bytes;
}
