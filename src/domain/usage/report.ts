import { sql } from "kysely";
import type { Db } from "../../db/connect.ts";
import { type Caller, isPlatformKey } from "../access/principal.ts";
import { networkOf } from "../kernel/network.ts";
import { turnName } from "../kernel/turn.ts";
import { hourOf, type KeyCount, sumCounts, type TokenUse } from "../kernel/usage-batch.ts";
import { recordUsage } from "./record.ts";

/** Verifications of one key that a guard answered from its cache. */
export interface ReportedUse {
  keyId: string;
  /** The id of the token in responses (`shownTokenId`). Empty if the guard does not know it. */
  shownTokenId: string;
  verdict: string;
  count: number;
  /** Undefined: now. */
  usedAt: Date | undefined;
  clientAddress: string;
}

/** What the server records of client addresses. */
export interface ReportSettings {
  clientAddressRetentionMs: number | undefined;
}

interface KnownUse extends ReportedUse {
  /** The id of the token in the database, if the key has this token. */
  tokenId: string | null;
}

const maxAgeMs = 24 * 60 * 60 * 1000;

/**
 * Records what a guard reports. A caller may report keys of its own account, and a key of the platform account every key. All
 * other items are skipped. A batch of the same caller with the same id counts once.
 */
export async function reportUsage(
  db: Db,
  caller: Caller,
  batchId: string,
  items: readonly ReportedUse[],
  { clientAddressRetentionMs }: ReportSettings,
): Promise<void> {
  const known = await knownUses(db, caller, items);
  if (known.length === 0) return;
  const now = Date.now();
  const addresses = clientAddressRetentionMs !== undefined;
  await recordUsage(db, {
    id: `${turnName(caller)} ${batchId}`,
    tokens: tokensOf(known, now, addresses),
    counts: sumCounts(known.map((one) => countOf(one, now))),
    unknown: [],
    sessions: [],
  });
}

async function knownUses(db: Db, caller: Caller, items: readonly ReportedUse[]): Promise<KnownUse[]> {
  const ofCaller = isPlatformKey(caller) ? sql`` : sql`and key.account_id = ${caller.accountId}`;
  const { rows } = await sql<{ place: number; token_id: string | null }>`
    select item.place::integer as place, token.id as token_id
    from unnest(
      ${items.map(({ keyId }) => keyId)}::text[], ${items.map(({ shownTokenId }) => shownTokenId)}::text[]
    ) with ordinality as item (key_id, shown, place)
    join api_key key on key.id = item.key_id ${ofCaller}
    left join api_key_token token on token.api_key_id = key.id and item.shown <> ''
      and left(encode(sha256(token.hash), 'hex'), 24) = item.shown
    order by item.place`.execute(db);
  return rows.flatMap(({ place, token_id }) => {
    const item = items[place - 1];
    return item ? [{ ...item, tokenId: token_id }] : [];
  });
}

function timeOf({ usedAt }: ReportedUse, now: number): number {
  return usedAt ? Math.min(now, Math.max(now - maxAgeMs, usedAt.getTime())) : now;
}

function countOf(use: KnownUse, now: number): KeyCount {
  const { keyId, verdict, count } = use;
  return { keyId, hour: hourOf(timeOf(use, now)), verdict, count };
}

// Only accepted tokens count as used. Two items of one token are one use.
function tokensOf(known: readonly KnownUse[], now: number, addresses: boolean): TokenUse[] {
  const uses = new Map<string, TokenUse>();
  const accepted = known.filter(({ verdict }) => verdict === "VALID");
  for (const use of accepted.toSorted((a, b) => timeOf(a, now) - timeOf(b, now))) {
    const { keyId, tokenId, clientAddress } = use;
    if (tokenId === null) continue;
    const earlier = uses.get(tokenId);
    const network = addresses && clientAddress !== "" ? networkOf(clientAddress) : undefined;
    uses.set(tokenId, {
      keyId,
      tokenId,
      usedAt: timeOf(use, now),
      clientAddress: network === undefined ? earlier?.clientAddress : clientAddress,
      networks: [...new Set([...(earlier?.networks ?? []), ...(network === undefined ? [] : [network])])],
    });
  }
  return [...uses.values()];
}
