import { sql } from "kysely";
import type { Db } from "../../db/connect.ts";
import type { Call } from "../access/principal.ts";
import { type CountBuffer, type Counted, createCountBuffer } from "../kernel/count-buffer.ts";
import { newId } from "../kernel/id.ts";

/**
 * Records failed log-ins in the background: one event per user, client address and minute, with a count, in each account
 * of the user, under the user's profile there. A log-in with an unknown e-mail address leaves no event.
 */
export interface FailedLogIns extends Pick<CountBuffer<FailedLogIn>, "flush" | "close"> {
  record(userId: string, call: Call): void;
}

interface FailedLogIn {
  userId: string;
  call: Call;
}

// Rows of one statement, because a user may belong to many accounts.
const maxRows = 1_000;

/** Starts to record failed log-ins. They are written every `intervalMs`. A failed write is reported and retried. */
export function createFailedLogIns(
  db: Db,
  intervalMs: number,
  onError: (error: unknown) => void,
): FailedLogIns {
  const write = (failures: Counted<FailedLogIn>[]) => upsert(db, failures);
  const buffer = createCountBuffer<FailedLogIn>({ name: "failed log-ins", intervalMs, write, onError });
  return {
    record: (userId, call) => buffer.add(`${userId} ${call.clientAddress}`, { userId, call }),
    flush: buffer.flush,
    close: buffer.close,
  };
}

async function upsert(db: Db, failures: Counted<FailedLogIn>[]): Promise<void> {
  const users = [...new Set(failures.map(({ first }) => first.userId))];
  await db.transaction().execute(async (tx) => {
    const memberships = await tx
      .selectFrom("membership")
      .select(["user_id", "account_id", "profile_id"])
      .where(sql<boolean>`user_id = any (${users})`)
      .execute();
    const ofUser = Map.groupBy(memberships, (membership) => membership.user_id);
    const rows = failures.flatMap(({ first: { userId, call }, minute, count }) =>
      (ofUser.get(userId) ?? []).map(({ account_id, profile_id }) => ({
        id: newId("evt"),
        account_id,
        profile_id,
        user_id: userId,
        method: call.method,
        request_id: call.requestId,
        client_address: call.clientAddress,
        minute,
        count,
      })),
    );
    for (let start = 0; start < rows.length; start += maxRows) {
      await insert(tx, rows.slice(start, start + maxRows));
    }
  });
}

// An account may have been purged meanwhile. Failed log-ins have their own outcome, so that they can be unique by client address.
async function insert(db: Db, rows: object[]): Promise<void> {
  await sql`
    insert into audit_event
      (id, account_id, profile_id, method, outcome, reason, resource_type, resource_id, request_id, client_address,
      minute, count)
    select r.id, a.id, r.profile_id, r.method, 'failed', 'INVALID_CREDENTIALS', 'user', r.user_id, r.request_id,
      r.client_address, r.minute, r.count
    from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as r (
      id text, account_id text, profile_id text, user_id text, method text, request_id text, client_address text,
      minute timestamptz, count integer
    )
    join account a on a.id = r.account_id
    on conflict (account_id, profile_id, client_address, minute) where outcome = 'failed'
      do update set count = audit_event.count + excluded.count`.execute(db);
}
