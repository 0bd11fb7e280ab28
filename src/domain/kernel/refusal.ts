import { sql } from "kysely";
import type { Db } from "../../db/connect.ts";
import { viaOf } from "../access/acting.ts";
import type { Call, Principal } from "../access/principal.ts";
import { type CountBuffer, type Counted, createCountBuffer, currentMinute } from "./count-buffer.ts";
import type { Reason } from "./error.ts";
import { newId } from "./id.ts";

/**
 * Records refusals without delaying calls: one event per principal, method and minute, with a count. If more than ten
 * methods refuse a principal within a minute, the rest is one event with the method `*`.
 */
export interface Refusals extends Pick<CountBuffer<Refusal>, "flush" | "close"> {
  record(principal: Principal, call: Call, reason: Reason): void;
}

interface Refusal {
  principal: Principal;
  call: Call;
  reason: Reason;
}

const maxMethods = 10;
const furtherMethods = "*";
// The number of principals whose methods are recorded separately within a minute.
const maxPrincipals = 10_000;

/** Starts to record refusals and writes them every `intervalMs`. A failed write is reported and tried again. */
export function createRefusals(db: Db, intervalMs: number, onError: (error: unknown) => void): Refusals {
  const write = (refusals: Counted<Refusal>[]) => upsert(db, refusals);
  const buffer = createCountBuffer<Refusal>({ name: "refusals", intervalMs, write, onError });
  const methodOf = createMethodBound();
  return {
    record(principal, call, reason) {
      const key = `${principal.profile.id} ${principal.keyId ?? ""}`;
      const method = methodOf(key, call.method);
      buffer.add(`${key} ${method}`, { principal, call: { ...call, method }, reason });
    },
    flush: buffer.flush,
    close: buffer.close,
  };
}

// Returns the method under which a refusal is recorded: the method itself, or `*` for all further methods.
function createMethodBound(): (principal: string, method: string) => string {
  let minute = 0;
  const seen = new Map<string, Set<string>>();
  return (principal, method) => {
    const now = currentMinute();
    if (now !== minute) seen.clear();
    minute = now;
    const methods = seen.get(principal) ?? new Set();
    if (methods.has(method)) return method;
    if (methods.size >= maxMethods || seen.size >= maxPrincipals) return furtherMethods;
    seen.set(principal, methods.add(method));
    return method;
  };
}

async function upsert(db: Db, refusals: Counted<Refusal>[]): Promise<void> {
  const rows = refusals.map(({ first: { principal, call, reason }, minute, count }) => ({
    id: newId("evt"),
    account_id: principal.accountId,
    profile_id: principal.profile.id,
    key_id: principal.keyId ?? "",
    method: call.method,
    reason,
    request_id: call.requestId,
    client_address: call.clientAddress,
    via: viaOf(principal).via ?? "",
    minute,
    count,
  }));
  // The account may have been purged meanwhile. The `on conflict` clause has a literal, as the partial index does.
  // With a parameter, the planner could not prove that the index applies.
  await sql`
    insert into audit_event
      (id, account_id, profile_id, key_id, method, outcome, reason, request_id, client_address, via, minute,
        count)
    select r.id, a.id, r.profile_id, r.key_id, r.method, 'refused', r.reason, r.request_id, r.client_address, r.via,
      r.minute, r.count
    from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as r (
      id text, account_id text, profile_id text, key_id text, method text, reason text, request_id text,
      client_address text, via text, minute timestamptz, count integer
    )
    join account a on a.id = r.account_id
    on conflict (account_id, profile_id, key_id, method, minute) where outcome = 'refused'
      do update set count = audit_event.count + excluded.count`.execute(db);
}
