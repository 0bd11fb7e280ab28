import type { DescMethod } from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel as Idempotency } from "@bufbuild/protobuf/wkt";
import type { ActingCall } from "../../verify/evaluate/verdict.ts";

const withdraws = /^(Revoke|Disable)/;
// These reads are POSTs, because their requests contain a token.
const verifies = /^(Batch)?Verify/;
// The operation itself refuses every change but one: the platform clears the external id of a suspended account.
const clears = /^UpdateAccount$/;

/** Returns how a platform key may call a method for a tenant: while the account is suspended, it may only read, revoke, disable and clear. */
export function actingCallOf({ name, idempotency }: DescMethod): ActingCall {
  const reads = idempotency === Idempotency.NO_SIDE_EFFECTS || verifies.test(name);
  return { whileSuspended: reads || withdraws.test(name) || clears.test(name) };
}
