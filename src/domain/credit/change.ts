import { sql } from "kysely";
import type { Store, Tx } from "../../db/connect.ts";
import { refuseLimited } from "../access/limited.ts";
import type { Caller } from "../access/principal.ts";
import { refuseSupersededOrLimited } from "../access/stand-in.ts";
import { byPlatform, findSystemProfile } from "../account/platform.ts";
import { difference } from "../kernel/audit-event.ts";
import { DomainError, invalidField, notFound } from "../kernel/error.ts";
import type { IdempotencyKey } from "../kernel/idempotency-key.ts";
import { mutate } from "../kernel/mutation.ts";
import { accountLock, rowLock } from "../kernel/row-lock.ts";
import { together } from "../kernel/together.ts";
import { type Credits, creditsColumn, type Refill } from "./credit.ts";

/** The credits of one key of an account, or with an empty `keyId` those of all its keys together. */
export interface CreditTarget {
  accountId: string;
  keyId: string;
}

/** The credits that a request sets. Without `refill`, the server never refills them. */
export interface NewCredits {
  remaining: number;
  refillAmount: number;
  refill: Refill | undefined;
}

/** Sets credits. A superseded token can limit the number of credits, but not change a limit. */
export async function setCredits(
  db: Store,
  caller: Caller,
  target: CreditTarget,
  { remaining, refillAmount, refill }: NewCredits,
  requestId: string,
): Promise<Credits> {
  requireRefill(refillAmount, refill);
  const after: Stored = {
    remaining,
    granted: remaining,
    refill_amount: refill ? refillAmount : null,
    refill: refill ?? null,
  };
  const changed = await change(
    db,
    caller,
    target,
    ({ before, caller }) => {
      if (before) refuseSupersededOrLimited(caller);
      return after;
    },
    requestId,
  );
  return required(changed);
}

// The greatest number of the schema.
const maxCredits = 2_147_483_647;

/** Adds to credits, or takes from them. They never become negative. A superseded token can only take. */
export async function addCredits(
  db: Store,
  caller: Caller,
  target: CreditTarget,
  amount: number,
  requestId: string,
): Promise<Credits> {
  const changed = await change(
    db,
    caller,
    target,
    ({ before, caller }) => {
      if (!before) throw notFound("credits");
      if (amount > 0) refuseSupersededOrLimited(caller);
      const remaining = Math.max(0, before.remaining + amount);
      const granted = Math.max(remaining, before.granted + remaining - before.remaining);
      if (granted > maxCredits)
        throw invalidField("amount", `expected at most ${maxCredits} credits in total`);
      return { ...before, remaining, granted };
    },
    requestId,
  );
  return required(changed);
}

/** Removes credits: their number is then not limited. */
export async function removeCredits(db: Store, caller: Caller, target: CreditTarget): Promise<void> {
  await change(db, caller, target, ({ before, caller }) => {
    if (before) refuseSupersededOrLimited(caller);
    return undefined;
  });
}

/** The columns that a change sets. The database computes the others. */
type Stored = Omit<Credits, "next_refill_at">;

interface Before {
  before: Credits | null;
  caller: Caller;
}

function change(
  db: Store,
  caller: Caller,
  target: CreditTarget,
  decide: (before: Before) => Stored | undefined,
  requestId = "",
): Promise<Credits | null> {
  const { accountId, keyId } = target;
  const id = keyId || accountId;
  const lock = keyId
    ? rowLock("api_key", accountId, keyId, "no key update")
    : accountLock(accountId, "no key update");
  const key: IdempotencyKey = { requestId, resourceId: id };
  const read = (tx: Tx) => readTarget(tx, target);
  return mutate(
    db,
    { by: caller, locks: [lock], read },
    async (tx, caller, { profileId, key, before }) => {
      refuseLimited(caller);
      if (profileId === undefined) throw notFound("account");
      if (keyId) requireOwnCredits(key);
      const after = decide({ before, caller });
      const changes = difference({ credits: fieldsOf(before) }, { credits: fieldsOf(after) });
      if (!changes) return { events: [], write: async () => before };
      const actor = byPlatform(caller, accountId, profileId);
      return {
        events: [{ ...actor, resourceType: keyId ? "api_key" : "account", resourceId: id, ...changes }],
        async write() {
          const [, found] = await together([store(tx, target, id, after), readCredits(tx, id)]);
          return found;
        },
      };
    },
    key,
  );
}

/** What a change finds under its locks. */
interface FoundTarget {
  profileId: string | undefined;
  key: { system: boolean; limited_by_key_id: string | null } | undefined;
  before: Credits | null;
}

// Verifications take credits without the locks of a change. So the record is locked before it is read.
async function readTarget(tx: Tx, { accountId, keyId }: CreditTarget): Promise<FoundTarget> {
  const id = keyId || accountId;
  const [profileId, key, , before] = await together([
    findSystemProfile(tx, accountId),
    tx
      .selectFrom("api_key")
      .select(["system", "limited_by_key_id"])
      .where("account_id", "=", accountId)
      .where("id", "=", keyId)
      .executeTakeFirst(),
    sql`select from credit where id = ${id} and account_id = ${accountId} for no key update`.execute(tx),
    readCredits(tx, id),
  ]);
  return { profileId, key, before };
}

async function readCredits(tx: Tx, id: string): Promise<Credits | null> {
  const { credits } = await tx
    .selectNoFrom(creditsColumn(sql.val(id)).as("credits"))
    .executeTakeFirstOrThrow();
  return credits;
}

async function store(
  tx: Tx,
  { accountId }: CreditTarget,
  id: string,
  after: Stored | undefined,
): Promise<void> {
  if (!after) {
    await tx.deleteFrom("credit").where("id", "=", id).where("account_id", "=", accountId).execute();
    return;
  }
  const { remaining, granted, refill_amount, refill } = after;
  const unit = refill && { daily: "day", monthly: "month" }[refill];
  await sql`
    insert into credit (id, account_id, remaining, granted, refill_amount, refill_interval, refilled_at)
    values (${id}, ${accountId}, ${remaining}, ${granted}, ${refill_amount}, ${refill},
      coalesce(date_trunc(${unit}, clock_timestamp(), 'UTC'), clock_timestamp()))
    on conflict (id) do update set remaining = excluded.remaining, granted = excluded.granted,
      refill_amount = excluded.refill_amount, refill_interval = excluded.refill_interval,
      refilled_at = excluded.refilled_at, changed_at = clock_timestamp()`.execute(tx);
}

function fieldsOf(credits: Stored | null | undefined): Stored | null {
  if (!credits) return null;
  const { remaining, granted, refill_amount, refill } = credits;
  return { remaining, granted, refill_amount, refill };
}

function requireOwnCredits(key: FoundTarget["key"]): void {
  if (!key) throw notFound("API key");
  if (key.system) throw new DomainError("SYSTEM_KEY", "a system key has no credits of its own");
  if (key.limited_by_key_id === null) return;
  throw new DomainError(
    "WRONG_STATE",
    "the key draws on the credits of another key: change the credits of that key",
    { key_id: key.limited_by_key_id },
  );
}

function requireRefill(amount: number, refill: Refill | undefined): void {
  if (refill && amount === 0)
    throw invalidField("credits.refill_amount", "expected a number above 0, because `refill` is set");
  if (!refill && amount > 0)
    throw invalidField("credits.refill", "expected how often, because `refill_amount` is set");
}

function required(credits: Credits | null): Credits {
  if (!credits) throw new Error("a change of credits found none after it had stored them");
  return credits;
}
