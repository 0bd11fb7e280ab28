import { type Kysely, sql } from "kysely";

export const oldestServer = 12;

// What verification reads of each table, and which tags a changed row names. A new row of most tables is in nobody's
// memory yet: unknown ids are not kept.
interface Watched {
  table: string;
  columns: string;
  tags: string;
  accounts: string;
  events: string[];
  /** Which new rows tell nothing: those of a key or user that is made in the same transaction. */
  quiet?: string;
}

const all = ["insert", "update", "delete"];
const changes = ["update", "delete"];
const born = "current_setting('latchkey.born', true)";
const ofAccount = { tags: "r.account_id", accounts: "r.account_id" };
const keyOf = "(select k.id from api_key k where k.profile_id = r.profile_id)";

const watched: Watched[] = [
  {
    table: "account",
    columns: "id, platform, suspended_at, deleted_at, entitlements",
    tags: "r.id",
    accounts: "r.id",
    events: changes,
  },
  {
    table: "profile",
    columns: "id, account_id, type, name, email, removed_at",
    tags: "coalesce((select k.id from api_key k where k.profile_id = r.id and k.owner_profile_id is null), r.account_id)",
    accounts: "r.account_id",
    events: changes,
  },
  {
    table: "role",
    columns: "id, account_id, name_key, builtin, permissions, all_workspaces",
    ...ofAccount,
    events: all,
    // Built-in roles come with their account. Others may be claimed by name, by people who are known already.
    quiet: "r.builtin is not null",
  },
  {
    table: "membership",
    columns: "account_id, user_id, profile_id, role_id",
    tags: "unnest(array[r.account_id, r.user_id])",
    accounts: "r.account_id",
    events: all,
    quiet: `r.user_id = ${born}`,
  },
  {
    table: "workspace",
    columns: "id, account_id, archived_at is null as live",
    ...ofAccount,
    events: changes,
  },
  {
    table: "workspace_grant",
    columns: "account_id, workspace_id, profile_id",
    tags: `coalesce(${keyOf}, r.account_id)`,
    accounts: "r.account_id",
    events: all,
    quiet: `${keyOf} = ${born}`,
  },
  {
    table: "api_key",
    columns: `id, account_id, profile_id, owner_profile_id, kind, system, environment, workspace_scope, permissions,
      expires_at, disabled_at, revoked_at`,
    tags: "r.id",
    accounts: "r.account_id",
    events: changes,
  },
  {
    table: "api_key_token",
    columns: "id, account_id, api_key_id, hash, ends_at",
    tags: "r.api_key_id",
    accounts: "r.account_id",
    events: all,
    quiet: `r.api_key_id = ${born}`,
  },
  {
    table: "session",
    columns: "id, user_id, hash, created_at, expires_at, ended_at",
    tags: "r.id",
    accounts: "null::text",
    events: changes,
  },
  { table: "team", columns: "id, account_id", ...ofAccount, events: changes },
  { table: "team_role", columns: "account_id, team_id, role_id", ...ofAccount, events: all },
  { table: "team_member", columns: "account_id, team_id, profile_id", ...ofAccount, events: all },
  {
    table: "service_account",
    columns: "id, account_id, profile_id, team_id",
    ...ofAccount,
    events: changes,
  },
  {
    table: "identity",
    columns: "id, user_id",
    tags: "unnest(array[r.id, r.user_id])",
    accounts: "null::text",
    events: changes,
  },
  {
    table: "guest",
    columns: "account_id, identity_id, profile_id",
    tags: "unnest(array[r.identity_id, r.account_id])",
    accounts: "r.account_id",
    events: all,
  },
];

/**
 * The change feed: whatever changes what the view `credential` shows sends, in its own transaction, the tags of what it
 * changed. Statement triggers, `enable always`, TRUNCATE too: an operator's psql and a restore are seen as well.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  // Past some number of rows the accounts are named, past some number of accounts everything: a notification holds 8,000
  // bytes, and many of them hold up every listener.
  await sql`
    create function latchkey_invalidate(tags text[], accounts text[]) returns void language plpgsql as $$
    declare
      most constant integer := 200;
      named text[] := case
        when cardinality(tags) <= most then tags
        when cardinality(accounts) between 1 and most then accounts
        else array['*']
      end;
    begin
      if cardinality(tags) = 0 then return; end if;
      perform set_config('latchkey.invalidated', 'yes', true);
      perform pg_notify('latchkey', 'i ' || array_to_string(named, ' '));
    end $$`.execute(db);
  await sql`
    create function latchkey_truncated() returns trigger language plpgsql as $$
    begin
      perform latchkey_invalidate(array['*'], null);
      return null;
    end $$`.execute(db);
  // Of instances whose lease is longer than a second: how long, and until when somebody may hold one.
  await sql`
    create table long_lease (
      ms     integer primary key check (ms between 1 and 61000),
      until  timestamptz not null
    )`.execute(db);
  // Nobody can remember what is made in this transaction: its first tokens, grants and memberships need not be told.
  await sql`
    create function latchkey_born() returns trigger language plpgsql as $$
    begin
      perform set_config('latchkey.born', id, true) from new_rows limit 1;
      return null;
    end $$`.execute(db);
  for (const table of ["api_key", "user"]) {
    await sql`
      create trigger latchkey_born after insert on ${sql.table(table)}
      referencing new table as new_rows for each statement execute function latchkey_born()`.execute(db);
    await sql`alter table ${sql.table(table)} enable always trigger latchkey_born`.execute(db);
  }
  for (const table of watched) {
    for (const event of table.events) await watch(db, table, event);
    await sql`
      create trigger latchkey_truncated after truncate on ${sql.table(table.table)}
      for each statement execute function latchkey_truncated()`.execute(db);
    await sql`alter table ${sql.table(table.table)} enable always trigger latchkey_truncated`.execute(db);
  }
}

async function watch(db: Kysely<unknown>, { table, columns, tags, accounts, quiet }: Watched, event: string) {
  const name = sql.id(`latchkey_${table}_${event}`);
  const skip = event === "insert" && quiet ? `where (${quiet}) is not true` : "";
  const body = `
    declare
      tags text[];
      accounts text[];
    begin
      select array_agg(distinct tag), array_agg(distinct account) filter (where account is not null) into tags, accounts
      from (
        select ${tags} as tag, ${accounts} as account from (${changedRows(columns, event)}) r ${skip}
      ) changed;
      perform latchkey_invalidate(coalesce(tags, '{}'), coalesce(accounts, '{}'));
      return null;
    end`;
  await sql`create function ${name}() returns trigger language plpgsql as ${sql.lit(body)}`.execute(db);
  await sql`
    create trigger ${name} after ${sql.raw(event)} on ${sql.table(table)}
    ${sql.raw(transitionTables(event))}
    for each statement execute function ${name}()`.execute(db);
  await sql`alter table ${sql.table(table)} enable always trigger ${name}`.execute(db);
}

// Rows that are there only before or only after, in what verification reads: a change of anything else is none.
function changedRows(columns: string, event: string): string {
  if (event === "insert") return `select ${columns} from new_rows`;
  if (event === "delete") return `select ${columns} from old_rows`;
  return `(select ${columns} from old_rows except select ${columns} from new_rows)
    union all (select ${columns} from new_rows except select ${columns} from old_rows)`;
}

function transitionTables(event: string): string {
  if (event === "insert") return "referencing new table as new_rows";
  if (event === "delete") return "referencing old table as old_rows";
  return "referencing old table as old_rows new table as new_rows";
}
