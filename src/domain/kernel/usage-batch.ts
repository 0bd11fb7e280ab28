/** Uses and verifications that one transaction records, once. */
export interface UsageBatch {
  /** Names the batch. If a batch with this id was recorded before, nothing is recorded. */
  id: string;
  /** Accepted tokens of keys, each at most once. */
  tokens: readonly TokenUse[];
  /** Numbers of verifications, at most one for each key, hour and verdict. */
  counts: readonly KeyCount[];
  /** Tokens that no key has, at most one number for each account, hour and network. */
  unknown: readonly UnknownCount[];
  /** Sessions that were used, each at most once. */
  sessions: readonly { sessionId: string; usedAt: number }[];
}

/** The last use of a token. Times are milliseconds since 1970. */
export interface TokenUse {
  keyId: string;
  /** The id of the token in the database. */
  tokenId: string;
  usedAt: number;
  /** The client address of the last use that had one. */
  clientAddress: string | undefined;
  /** The networks from which it was used. */
  networks: readonly string[];
}

/** How often the verification of a key had a verdict in one hour. */
export interface KeyCount {
  keyId: string;
  /** The start of the hour. */
  hour: number;
  verdict: string;
  count: number;
}

/** How often tokens that no key has came from a network in one hour, by the account of the verifier. */
export interface UnknownCount {
  accountId: string;
  hour: number;
  network: string;
  count: number;
}

/** Returns the sum for each key, hour and verdict, because one statement cannot change a row twice. */
export function sumCounts(counts: Iterable<KeyCount>): KeyCount[] {
  const sums = new Map<string, KeyCount>();
  for (const one of counts) {
    const name = `${one.keyId} ${one.hour} ${one.verdict}`;
    sums.set(name, { ...one, count: one.count + (sums.get(name)?.count ?? 0) });
  }
  return [...sums.values()];
}

/** Milliseconds of an hour. */
export const hourMs = 3_600_000;

/** Returns the start of the hour of a time. */
export function hourOf(time: number): number {
  return Math.floor(time / hourMs) * hourMs;
}
