import { type Kysely, sql } from "kysely";

export const oldestServer = 12;

// Each kind of resource with an external id, and which rows count. `account` is the column that scopes the kind.
const kinds: { table: string; account?: string; counts?: string }[] = [
  { table: "account", counts: "deleted_at is null" },
  { table: "api_key", account: "account_id", counts: "revoked_at is null" },
  { table: "workspace", account: "account_id", counts: "archived_at is null" },
  { table: "team", account: "account_id" },
  { table: "role", account: "account_id" },
  { table: "service_account", account: "account_id" },
];

const maxNamed = 20;

/**
 * An external id is unique per kind and account, and for accounts per deployment. Resources that have ended do not count. A
 * second index per kind finds ended resources too, in the order of lists. Servers that do not know the rule get an internal
 * error for a second resource with the same external id.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  const tables = kinds.map(({ table }) => sql.table(table));
  // Earlier servers may still write. They wait until the indexes exist.
  await sql`lock table ${sql.join(tables)} in share mode`.execute(db);
  await refuseDuplicates(db);
  for (const { table, account, counts } of kinds) {
    const scope = account ? `${account}, ` : "";
    const live = counts ? ` and ${counts}` : "";
    const name = (suffix: string) => sql.id(`${table}_external_id${suffix}`);
    await sql`
      create unique index ${name("")} on ${sql.table(table)} (${sql.raw(scope)}external_id)
        where external_id <> ''${sql.raw(live)}`.execute(db);
    if (!counts) continue;
    await sql`
      create index ${name("_list")} on ${sql.table(table)} (${sql.raw(scope)}external_id, id collate "C")
        where external_id <> ''`.execute(db);
  }
}

async function refuseDuplicates(db: Kysely<unknown>): Promise<void> {
  const each = kinds.map(({ table, account, counts }) => {
    const scope = sql.raw(account ?? "''");
    return sql`
      select ${sql.lit(table)} as kind, ${sql.raw(account ?? "id")} as account_id, id
      from (
        select *, count(*) over (partition by ${scope}, external_id) as holders
        from ${sql.table(table)}
        where external_id <> '' and ${sql.raw(counts ?? "true")}
      ) one
      where holders > 1`;
  });
  const { rows } = await sql<{ kind: string; account_id: string; id: string }>`
    ${sql.join(each, sql` union all `)} order by kind, account_id, id limit ${maxNamed + 1}`.execute(db);
  if (rows.length === 0) return;
  const named = rows.slice(0, maxNamed).map(({ kind, account_id, id }) => `${kind} ${account_id} ${id}`);
  const more = rows.length > maxNamed ? ", and more" : "";
  throw new Error(
    "some resources of one kind and account have the same external_id, and it must be unique. Nothing was changed. " +
      "Run `latchkey external-ids` to list them, and `latchkey external-ids --clear` to keep it only on the oldest. " +
      `By kind, account and id: ${named.join(", ")}${more}`,
  );
}
