import { networkOf } from "../domain/kernel/network.ts";
import { hourOf, type KeyCount, type TokenUse } from "../domain/kernel/usage-batch.ts";
import type { Verdict } from "./evaluate/verdict.ts";

/** What happened to tokens of keys since the last write: their last use, and their verdicts. */
export interface TokenRecords {
  /** Records that a token was accepted. */
  touch(keyId: string, tokenId: string): void;
  /** Records a verdict. `VALID` is a use too. */
  count(keyId: string, tokenId: string, verdict: Verdict, clientAddress: string | undefined): void;
  /** Returns what was recorded, and starts again. */
  take(): TakenRecords;
}

/** Records to be written. */
export interface TakenRecords {
  uses: Iterator<TokenUse>;
  counts: Iterator<KeyCount>;
  /** The number of events that were not recorded, because too many tokens are waiting. */
  lost: number;
}

interface TokenRecord {
  keyId: string;
  /** The time of the last accepted use. 0: none. */
  usedAt: number;
  clientAddress: string | undefined;
  networks: Set<string> | undefined;
  /** The hour of the counts below. */
  hour: number;
  valid: number;
  others: Map<Verdict, number> | undefined;
}

/** The number of tokens that wait for one write. */
export const maxTokens = 250_000;
// Further networks of a token within one interval are not recorded.
const maxNetworksPerToken = 16;

/** Starts to record. Without `addresses`, it records no client address. */
export function createTokenRecords(addresses: boolean): TokenRecords {
  let records = new Map<string, TokenRecord>();
  // Counts of hours that ended since the last write.
  let earlier: KeyCount[] = [];
  let lost = 0;

  function recordFor(keyId: string, tokenId: string, now: number): TokenRecord | undefined {
    const known = records.get(tokenId);
    if (known) return known;
    if (records.size >= maxTokens) {
      lost += 1;
      return undefined;
    }
    const record = newRecord(keyId, now);
    records.set(tokenId, record);
    return record;
  }

  return {
    touch(keyId, tokenId) {
      const now = Date.now();
      const record = recordFor(keyId, tokenId, now);
      if (record) record.usedAt = now;
    },
    count(keyId, tokenId, verdict, clientAddress) {
      const now = Date.now();
      const record = recordFor(keyId, tokenId, now);
      if (!record) return;
      if (record.hour !== hourOf(now)) {
        earlier.push(...countsOf(record));
        startHour(record, now);
      }
      addVerdict(record, verdict, now);
      if (addresses && clientAddress !== undefined && verdict === "VALID") addAddress(record, clientAddress);
    },
    take() {
      const taken = { uses: usesOf(records), counts: allCounts(earlier, records), lost };
      [records, earlier, lost] = [new Map(), [], 0];
      return taken;
    },
  };
}

function newRecord(keyId: string, now: number): TokenRecord {
  return {
    keyId,
    usedAt: 0,
    clientAddress: undefined,
    networks: undefined,
    hour: hourOf(now),
    valid: 0,
    others: undefined,
  };
}

function startHour(record: TokenRecord, now: number): void {
  record.hour = hourOf(now);
  record.valid = 0;
  record.others = undefined;
}

function addVerdict(record: TokenRecord, verdict: Verdict, now: number): void {
  if (verdict === "VALID") {
    record.usedAt = now;
    record.valid += 1;
    return;
  }
  record.others ??= new Map();
  record.others.set(verdict, (record.others.get(verdict) ?? 0) + 1);
}

function addAddress(record: TokenRecord, clientAddress: string): void {
  if (record.clientAddress === clientAddress) return;
  record.clientAddress = clientAddress;
  record.networks ??= new Set();
  if (record.networks.size < maxNetworksPerToken) record.networks.add(networkOf(clientAddress));
}

function* countsOf({ keyId, hour, valid, others }: TokenRecord): Generator<KeyCount> {
  if (valid > 0) yield { keyId, hour, verdict: "VALID", count: valid };
  for (const [verdict, count] of others ?? []) yield { keyId, hour, verdict, count };
}

function* allCounts(earlier: KeyCount[], records: Map<string, TokenRecord>): Generator<KeyCount> {
  yield* earlier;
  for (const record of records.values()) yield* countsOf(record);
}

function* usesOf(records: Map<string, TokenRecord>): Generator<TokenUse> {
  for (const [tokenId, { keyId, usedAt, clientAddress, networks = [] }] of records) {
    if (usedAt > 0) yield { tokenId, keyId, usedAt, clientAddress, networks: [...networks] };
  }
}
