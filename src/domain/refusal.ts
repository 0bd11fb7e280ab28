import { sql } from "kysely";
import type { Db } from "../db/connect.ts";
import type { Reason } from "./error.ts";
import { newId } from "./id.ts";
import type { Call, Principal } from "./principal.ts";

/** Records refusals, off the path of the call: one event per principal, method and minute, with a count. */
export interface Refusals {
  record(principal: Principal, call: Call, reason: Reason): void;
  /** Writes what is buffered. Called on a timer, before a list of events, and at the end. */
  flush(): Promise<void>;
  /** Stops the timer and writes the rest. */
  close(): Promise<void>;
}

interface Refusal {
  principal: Principal;
  call: Call;
  reason: Reason;
  minute: Date;
  count: number;
}

// Different refusals within one interval; a flood of them from one principal is one entry.
const maxBuffered = 10_000;

/** Starts to record refusals, written every `intervalMs`; a failed write is reported and tried again. */
export function createRefusals(db: Db, intervalMs: number, onError: (error: unknown) => void): Refusals {
  let buffered = new Map<string, Refusal>();
  let writing: Promise<void> = Promise.resolve();

  async function write(): Promise<void> {
    const batch = buffered;
    if (batch.size === 0) return;
    buffered = new Map();
    try {
      await upsert(db, [...batch.values()]);
    } catch (error) {
      for (const refusal of batch.values()) add(refusal);
      throw error;
    }
  }

  function add(refusal: Refusal): void {
    const { principal, call, minute } = refusal;
    const key = [principal.profile.id, principal.keyId, call.method, minute.getTime()].join(" ");
    const known = buffered.get(key);
    if (known) known.count += refusal.count;
    else if (buffered.size < maxBuffered) buffered.set(key, refusal);
    else onError(new Error(`refusals not recorded: ${maxBuffered} are waiting`));
  }

  function flush(): Promise<void> {
    writing = writing.catch(() => {}).then(write);
    return writing;
  }

  const timer = setInterval(() => flush().catch(onError), intervalMs);
  timer.unref();

  return {
    record(principal, call, reason) {
      const minute = new Date(Math.floor(Date.now() / 60_000) * 60_000);
      add({ principal, call, reason, minute, count: 1 });
    },
    flush,
    async close() {
      clearInterval(timer);
      await flush().catch(onError);
    },
  };
}

async function upsert(db: Db, refusals: Refusal[]): Promise<void> {
  const rows = refusals.map(({ principal, call, reason, minute, count }) => ({
    id: newId("evt"),
    account_id: principal.accountId,
    profile_id: principal.profile.id,
    key_id: principal.keyId ?? "",
    method: call.method,
    reason,
    request_id: call.requestId,
    client_address: call.clientAddress,
    minute,
    count,
  }));
  // An account may have been purged meanwhile. The conflict names a literal, as the index does: a plan for any parameter
  // could not tell that the index fits.
  await sql`
    insert into audit_event
      (id, account_id, profile_id, key_id, method, outcome, reason, request_id, client_address, minute, count)
    select r.id, a.id, r.profile_id, r.key_id, r.method, 'refused', r.reason, r.request_id, r.client_address, r.minute,
      r.count
    from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as r (
      id text, account_id text, profile_id text, key_id text, method text, reason text, request_id text,
      client_address text, minute timestamptz, count integer
    )
    join account a on a.id = r.account_id
    on conflict (account_id, profile_id, key_id, method, minute) where outcome = 'refused'
      do update set count = audit_event.count + excluded.count`.execute(db);
}
