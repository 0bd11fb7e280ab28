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
  await db
    .insertInto("audit_event")
    .values(
      refusals.map(({ principal, call, reason, minute, count }) => ({
        id: newId("evt"),
        account_id: principal.accountId,
        profile_id: principal.profile.id,
        key_id: principal.keyId ?? "",
        method: call.method,
        outcome: "refused" as const,
        reason,
        request_id: call.requestId,
        client_address: call.clientAddress,
        minute,
        count,
      })),
    )
    .onConflict((conflict) =>
      conflict
        .columns(["account_id", "profile_id", "key_id", "method", "minute"])
        // A literal, as in the index: a plan for any parameter could not tell that the index fits.
        .where("outcome", "=", sql.lit("refused"))
        .doUpdateSet({ count: sql`audit_event.count + excluded.count` }),
    )
    .execute();
}
