import { type RawBuilder, sql } from "kysely";
import type { Db, Store, Tx } from "../../db/connect.ts";
import type { Actor, Change } from "../kernel/audit-event.ts";
import { DomainError } from "../kernel/error.ts";
import { countsAsTaken, type ExternalKind } from "../kernel/external-id.ts";
import { mutateUnchecked } from "../kernel/mutation.ts";

/** A resource with an external id that several resources of its kind and account have. */
export interface Duplicate {
  kind: ExternalKind;
  accountId: string;
  id: string;
  externalId: string;
  /** Whether it is the oldest of them. */
  oldest: boolean;
}

const call = {
  method: "external-ids",
  requestId: "external-ids",
  clientAddress: "local",
  addressKey: "local",
};
const batchSize = 1_000;

/** Lists resources whose external id is not unique, by kind, account and id. */
export async function listDuplicates(db: Db, limit: number): Promise<Duplicate[]> {
  return select(db, sql`holders > 1`, limit);
}

/** Clears the external id of every resource that shares it with an older one. Returns how many it cleared. */
export async function clearDuplicates(db: Store): Promise<number> {
  let cleared = 0;
  for (;;) {
    const newer = await select(db, sql`place > 1`, batchSize);
    if (newer.length === 0) return cleared;
    cleared += await clear(db, newer);
  }
}

/** Clears the external id of some resources. Fails with `NOT_FOUND` if one of them has none, and then changes nothing. */
export async function clearExternalIds(db: Store, ids: readonly string[]): Promise<number> {
  const wanted = [...new Set(ids)];
  const found = await select(db, sql`id = any (${wanted})`, wanted.length);
  const missing = wanted.find((id) => found.every((one) => one.id !== id));
  if (missing !== undefined)
    throw new DomainError("NOT_FOUND", `no live resource with an external_id: ${missing}`);
  return clear(db, found);
}

const kinds = Object.keys(countsAsTaken) as ExternalKind[];

async function select(db: Db, condition: RawBuilder<unknown>, limit: number): Promise<Duplicate[]> {
  const each = kinds.map(
    (kind) => sql`
      select ${sql.lit(kind)} as kind, account_id, id, external_id, place = 1 as oldest
      from (
        select id, ${accountOf(kind)} as account_id, external_id,
          count(*) over same as holders, row_number() over (same order by id) as place
        from ${sql.table(kind)}
        where external_id <> '' and ${sql.raw(countsAsTaken[kind])}
        window same as (partition by ${kind === "account" ? sql`''` : sql`account_id`}, external_id)
      ) one
      where ${condition}`,
  );
  const { rows } = await sql<Duplicate>`
    select kind, account_id as "accountId", id, external_id as "externalId", oldest
    from (${sql.join(each, sql` union all `)}) found
    order by kind, account_id, id limit ${limit}`.execute(db);
  return rows;
}

function clear(db: Store, duplicates: readonly Duplicate[]): Promise<number> {
  return mutateUnchecked(db, "ClearExternalIds", call, async (tx) => {
    const events: (Change & Actor)[] = [];
    for (const kind of kinds) {
      const ofKind = duplicates.filter((one) => one.kind === kind);
      if (ofKind.length > 0) events.push(...(await clearKind(tx, kind, ofKind)));
    }
    return { events, result: events.length };
  });
}

// A resource whose external id has changed meanwhile stays as it is.
async function clearKind(tx: Tx, kind: ExternalKind, duplicates: Duplicate[]): Promise<(Change & Actor)[]> {
  const { rows } = await sql<{ id: string; account_id: string; external_id: string; profile_id: string }>`
    with cleared as (
      update ${sql.table(kind)} set external_id = '', version = version + 1
      from unnest(${duplicates.map(({ id }) => id)}::text[], ${duplicates.map(({ externalId }) => externalId)}::text[])
        as had (had_id, had_external_id)
      where id = had_id and external_id = had_external_id
      returning id, ${accountOf(kind)} as account_id, had_external_id as external_id
    )
    select c.*, p.id as profile_id
    from cleared c
    join profile p on p.account_id = c.account_id and p.type = 'system'`.execute(tx);
  return rows.map(({ id, account_id, external_id, profile_id }) => ({
    accountId: account_id,
    profileId: profile_id,
    resourceType: kind,
    resourceId: id,
    before: { external_id },
    after: { external_id: "" },
  }));
}

function accountOf(kind: ExternalKind): RawBuilder<unknown> {
  return sql.ref(kind === "account" ? "id" : "account_id");
}
