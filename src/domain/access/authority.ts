import { type Selectable, sql } from "kysely";
import type { Tx } from "../../db/connect.ts";
import type { Database } from "../../db/schema.ts";
import { lockColumns, type RowLock } from "../kernel/row-lock.ts";

type BearerRow = Selectable<Database["bearer"]>;

/** What a transaction sees of a bearer once its locks are granted: what verification reads, and the time. */
export interface Seen {
  credential: BearerRow | undefined;
  now: Date;
}

/** By what record a bearer was recognised, and how it is evaluated again inside a transaction. */
export interface Authority<T> {
  credentialId: string;
  kind: BearerRow["kind"];
  /** Returns what the bearer is now. Throws what the gate would throw. */
  evaluate(seen: Seen): Promise<T>;
}

/** By which record a change finds its bearer, and the one account in which the bearer acts; null: in none. */
export interface BearerRecord {
  credentialId: string | null;
  accountId: string | null;
}

/**
 * Takes the locks of a change and then reads the credential of its bearer, in one statement. What it returns committed
 * before the last lock was granted. The locked rows stay as they are until the transaction ends. Of the accounts of a
 * user, only the one in which the bearer acts is read: a user may belong to many.
 */
export async function lockAndSee(
  tx: Tx,
  { credentialId, accountId }: BearerRecord,
  locks: readonly RowLock[],
): Promise<Seen> {
  const { tables, scopes, ids, modes } = lockColumns(locks);
  const { rows } = await sql<{ seen: SeenJson }>`
    select latchkey_authority(
      ${credentialId}::text, ${accountId}::text,
      ${tables}::text[], ${scopes}::text[], ${ids}::text[], ${modes}::integer[]
    ) as seen`.execute(tx);
  const [row] = rows;
  if (!row) throw new Error("the database did not answer about the bearer of a change");
  const { credential, now } = row.seen;
  return { credential: credential ? withDates(credential) : undefined, now: new Date(now) };
}

interface SeenJson {
  credential: BearerRow | null;
  now: string;
}

// JSON has no dates.
function withDates(row: BearerRow): BearerRow {
  return {
    ...row,
    expires_at: date(row.expires_at),
    disabled_at: date(row.disabled_at),
    revoked_at: date(row.revoked_at),
    last_used_at: date(row.last_used_at),
  };
}

function date(value: Date | null): Date | null {
  return value === null ? null : new Date(value);
}
