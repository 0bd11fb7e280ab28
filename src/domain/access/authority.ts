import { type Selectable, sql } from "kysely";
import type { Tx } from "../../db/connect.ts";
import type { Database, TenantJson } from "../../db/schema.ts";
import { lockColumns, type RowLock } from "../kernel/row-lock.ts";
import { together } from "../kernel/together.ts";

type BearerRow = Selectable<Database["bearer"]>;

/**
 * The state that a transaction reads after its locks are granted: the bearer row that verification also reads, and the
 * time.
 */
export interface Seen {
  credential: BearerRow | undefined;
  /** The account for which a platform key acts. Undefined if it does not exist, or if the bearer acts in its own account. */
  tenant: TenantJson | undefined;
  now: Date;
}

/** The record that identified a bearer, and the function that evaluates the bearer again inside a transaction. */
export interface Authority<T> {
  credentialId: string;
  /** For an embed session, the kind of its key. */
  kind: BearerRow["kind"];
  /** The presented token, if it is a token of a key. */
  tokenId?: string | undefined;
  /** Returns the current principal of the bearer. Throws the errors that the auth interceptor would throw. */
  evaluate(seen: Seen): Promise<T>;
}

/** The record of a bearer, and the one account in which the bearer acts. Each is null if there is none. */
export interface BearerRecord {
  credentialId: string | null;
  accountId: string | null;
  /** The account for which a platform key acts. */
  tenantId?: string | undefined;
}

/**
 * Takes the locks of a change and then reads the credential of its bearer, in one statement. All changes that it sees
 * were committed before the last lock was granted. The locked rows stay as they are until the transaction ends. A user
 * may belong to many accounts, so the statement reads only the one in which the bearer acts.
 */
export async function lockAndSee(
  tx: Tx,
  { credentialId, accountId, tenantId }: BearerRecord,
  locks: readonly RowLock[],
): Promise<Seen> {
  const { tables, scopes, ids, modes } = lockColumns(locks);
  const locking = sql<{ seen: SeenJson }>`
    select latchkey_authority(
      ${credentialId}::text, ${accountId}::text,
      ${tables}::text[], ${scopes}::text[], ${ids}::text[], ${modes}::integer[]
    ) as seen`.execute(tx);
  // Runs after the locks are granted, because the statements of a connection run in their order.
  const [{ rows }, tenant] = await together([
    locking,
    tenantId === undefined ? undefined : readTenant(tx, tenantId),
  ]);
  const [row] = rows;
  if (!row) throw new Error("latchkey_authority returned no row for the bearer of a change");
  const { credential, now } = row.seen;
  return { credential: credential ? withDates(credential) : undefined, tenant, now: new Date(now) };
}

async function readTenant(tx: Tx, id: string): Promise<TenantJson | undefined> {
  const row = await tx.selectFrom("tenant").select("tenant").where("id", "=", id).executeTakeFirst();
  return row?.tenant;
}

interface SeenJson {
  credential: BearerRow | null;
  now: string;
}

// JSON carries dates as strings.
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
