import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type UsageItem, UsageItemSchema } from "../../gen/latchkey/v1/usage_pb.ts";
import { Verdict } from "../../gen/latchkey/v1/verdict_pb.ts";
import { addressOf } from "./client-address.ts";

/** The usage of one token: the verifications that the cache answered since the last report. Every entry of the cache has one. */
export interface UsageCounter {
  readonly keyId: string;
  readonly tokenId: string;
  count: number;
  /** The time of the database, in milliseconds. */
  lastUsedAt: number;
  clientAddress: string | undefined;
}

/** Returns a counter that has counted nothing. */
export function newUsageCounter(keyId: string, tokenId: string): UsageCounter {
  return { keyId, tokenId, count: 0, lastUsedAt: 0, clientAddress: undefined };
}

/** Returns what a counter has counted, for a report. The counter begins at zero again. */
export function takeUsage(counter: UsageCounter): UsageItem {
  const { keyId, tokenId, count, lastUsedAt, clientAddress } = counter;
  counter.count = 0;
  counter.clientAddress = undefined;
  return create(UsageItemSchema, {
    keyId,
    tokenId,
    verdict: Verdict.VALID,
    count,
    // The server may have recorded an earlier verification within the same millisecond.
    lastUsedAt: timestampFromMs(Math.ceil(lastUsedAt)),
    clientAddress: addressOf(clientAddress),
  });
}
