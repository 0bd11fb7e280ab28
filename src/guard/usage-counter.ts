import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type UsageItem, UsageItemSchema } from "../../gen/latchkey/v1/usage_pb.ts";
import { Verdict } from "../../gen/latchkey/v1/verdict_pb.ts";
import { addressOf } from "./client-address.ts";

/** The usage of one token: the verifications that the cache answered since the last report. */
export interface UsageCounter {
  /** Counts a verification at this time of the database. It costs no memory. */
  record(databaseTime: number, clientAddress: string | undefined): void;
}

/** A counter that has counted something. */
export interface Counted {
  /** Returns the counts, and begins at zero again. */
  take(): UsageItem;
}

/** Creates a counter of a token. It calls `onUsed` with itself at its first verification after each report. */
export function createUsageCounter(
  keyId: string,
  tokenId: string,
  onUsed: (counted: Counted) => void,
): UsageCounter {
  let count = 0;
  let lastUsedAt = 0;
  let address: string | undefined;

  function take(): UsageItem {
    const item = create(UsageItemSchema, {
      keyId,
      tokenId,
      verdict: Verdict.VALID,
      count,
      // The server may have recorded an earlier verification within the same millisecond.
      lastUsedAt: timestampFromMs(Math.ceil(lastUsedAt)),
      clientAddress: addressOf(address),
    });
    count = 0;
    address = undefined;
    return item;
  }

  return {
    record(databaseTime, clientAddress) {
      if (count === 0) onUsed({ take });
      count += 1;
      lastUsedAt = databaseTime;
      if (clientAddress !== undefined) address = clientAddress;
    },
  };
}
