import { type Selectable, sql } from "kysely";
import type { Tx } from "../../db/connect.ts";
import type { Database } from "../../db/schema.ts";
import { lockColumns, type RowLock } from "../kernel/row-lock.ts";

type CredentialRow = Selectable<Database["credential"]>;

/** What a transaction sees of a bearer once its locks are granted: what verification reads, and the time. */
export interface Seen {
  credential: CredentialRow | undefined;
  now: Date;
}

/** By what record a bearer was recognised, and how it is evaluated again inside a transaction. */
export interface Authority<T> {
  credentialId: string;
  kind: CredentialRow["kind"];
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
 * before the last lock was granted. The locked rows stay as they are until the transaction ends. Of what the credential
 * opens, only the account in which the bearer acts is read: a user may belong to many.
 */
export async function lockAndSee(
  tx: Tx,
  { credentialId, accountId }: BearerRecord,
  locks: readonly RowLock[],
): Promise<Seen> {
  const { tables, scopes, ids, modes } = lockColumns(locks);
  const { rows } = await sql<SeenRow>`
    with seen as materialized (
      select latchkey_authority(
        ${credentialId}::text, ${tables}::text[], ${scopes}::text[], ${ids}::text[], ${modes}::integer[]
      ) as seen
    )
    select seen ->> 'now' as now, nullif(seen -> 'credential', 'null') - 'openings' as credential, (
      select coalesce(jsonb_agg(opening), '[]'::jsonb)
      from jsonb_array_elements(seen #> '{credential,openings}') as opening
      where opening ->> 'account_id' = ${accountId}
    ) as openings
    from seen`.execute(tx);
  const [row] = rows;
  if (!row) throw new Error("the database did not answer about the bearer of a change");
  const { credential, openings, now } = row;
  return { credential: credential ? withDates({ ...credential, openings }) : undefined, now: new Date(now) };
}

interface SeenRow {
  credential: Omit<CredentialRow, "openings"> | null;
  openings: CredentialRow["openings"];
  now: string;
}

// JSON has no dates.
function withDates(row: CredentialRow): CredentialRow {
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
