import { type Kysely, sql } from "kysely";

export const oldestServer = 12;

/**
 * Rate limits of keys and accounts, and records of credits. A key either has limits of its own, or draws on the counters of
 * another key of its account. The limits of the account come on top. A record of credits has the id of its key or account.
 *
 * Earlier servers ignore limits and credits. So clients set them after the last instance was upgraded.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await addColumns(db);
  await createCredit(db);
  await createKeyLimits(db);
  await createOwnCredential(db);
  await watchAccounts(db);
  await watchKeys(db);
  await watchCredits(db);
}

async function addColumns(db: Kysely<unknown>): Promise<void> {
  for (const table of ["api_key", "account"]) {
    await sql`
      alter table ${sql.table(table)} add column rate_limits jsonb not null default '[]'
        check (case jsonb_typeof(rate_limits) when 'array' then jsonb_array_length(rate_limits) <= 8 else false end)`.execute(
      db,
    );
  }
  await sql`
    alter table api_key
      add column limited_by_key_id text collate "C",
      add foreign key (account_id, limited_by_key_id) references api_key (account_id, id),
      add check (limited_by_key_id is null or (limited_by_key_id <> id and rate_limits = '[]')),
      add check (not system or (limited_by_key_id is null and rate_limits = '[]'))`.execute(db);
  await sql`
    create index api_key_limited_by on api_key (account_id, limited_by_key_id)
      where limited_by_key_id is not null`.execute(db);
}

// The generated column has the key of the record. Its foreign key proves that the id is that of the account or of one of its
// keys. Free space in each page lets a spent credit stay in its page.
async function createCredit(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table credit (
      id               text collate "C" primary key,
      account_id       text collate "C" not null references account (id),
      key_id           text collate "C" generated always as (nullif(id, account_id)) stored,
      remaining        bigint not null check (remaining >= 0),
      refill_amount    bigint check (refill_amount >= 0),
      refill_interval  text check (refill_interval in ('daily', 'monthly')),
      refilled_at      timestamptz not null default clock_timestamp(),
      created_at       timestamptz not null default clock_timestamp(),
      changed_at       timestamptz not null default clock_timestamp(),
      check ((refill_amount is null) = (refill_interval is null)),
      foreign key (account_id, key_id) references api_key (account_id, id)
    ) with (fillfactor = 50)`.execute(db);
  await sql`create index credit_account on credit (account_id)`.execute(db);
}

// Only keys with limits need this, so it is in a function, like the parts of 0023.
async function createKeyLimits(db: Kysely<unknown>): Promise<void> {
  await sql`
    create view key_limits as
    select k.id, jsonb_build_object(
      'draws_on', k.limited_by_key_id,
      'key', root.rate_limits,
      'account', a.rate_limits,
      'credits', (
        select coalesce(jsonb_agg(c.id order by c.id = a.id), '[]'::jsonb)
        from credit c
        where c.id = any (array[root.id, a.id])
      )
    ) as limits
    from api_key k
    join account a on a.id = k.account_id
    join api_key root on root.account_id = k.account_id and root.id = coalesce(k.limited_by_key_id, k.id)`.execute(
    db,
  );
  const body = `begin return (select l.limits from key_limits l where l.id = of_key); end`;
  await sql`
    create function latchkey_key_limits(of_key text) returns jsonb
    language plpgsql stable parallel safe as ${sql.lit(body)}`.execute(db);
}

// The view of 0023, with the limits of a key. They are null if there are none.
async function createOwnCredential(db: Kysely<unknown>): Promise<void> {
  await sql`
    create or replace view own_credential as
    select
      k.id, k.kind, k.system, k.environment, k.expires_at, k.disabled_at, k.revoked_at,
      null::text as user_id,
      null::timestamptz as last_used_at,
      (
        select coalesce(jsonb_agg(jsonb_build_object(
          'id', t.id::text,
          'hash', encode(t.hash, 'hex'),
          'ends_at', floor(extract(epoch from t.ends_at) * 1000)
        )), '[]'::jsonb)
        from api_key_token t
        where t.api_key_id = k.id
      ) as tokens,
      jsonb_build_array(jsonb_build_object(
        'account_id', a.id,
        'external_id', a.external_id,
        'platform', a.platform,
        'suspended', a.suspended_at is not null or a.deleted_at is not null,
        'entitlements', a.entitlements,
        'profile', jsonb_build_object('id', p.id, 'type', p.type, 'name', p.name, 'email', p.email),
        'owner', false,
        'permissions', k.permissions,
        'owner_permissions', case
          when k.kind = 'application' or k.system then null
          else coalesce(latchkey_owner_permissions(k.kind, k.owner_profile_id), '[]'::jsonb)
        end,
        'workspace_scope', case
          when k.kind <> 'developer' then k.workspace_scope
          when k.workspace_scope = 'all' and coalesce(latchkey_enters_all(k.owner_profile_id), false) then 'all'
          else 'selected'
        end,
        'workspaces', coalesce(case
          when k.kind = 'developer' and k.workspace_scope <> 'all'
            then latchkey_shared_workspaces(k.account_id, k.profile_id, k.owner_profile_id)
          else (
            select jsonb_object_agg(g.workspace_id, g.live)
            from granted_workspace g
            where g.account_id = k.account_id
              -- A developer key of all workspaces enters those of its user.
              and g.profile_id = case when k.kind = 'developer' then k.owner_profile_id else k.profile_id end
          )
        end, '{}'::jsonb),
        'limits', case
          when k.limited_by_key_id is not null or k.rate_limits <> '[]' or a.rate_limits <> '[]'
            or exists (select from credit c where c.id = any (array[k.id, k.account_id]))
          then latchkey_key_limits(k.id)
        end
      )) as openings,
      k.name, k.external_id, k.labels
    from api_key k
    join account a on a.id = k.account_id
    join profile p on p.id = coalesce(k.owner_profile_id, k.profile_id)
    union all
    select
      s.id, 'session', false, null, s.expires_at, null, s.ended_at, s.user_id,
      coalesce((select u.last_used_at from session_use u where u.session_id = s.id), s.created_at),
      jsonb_build_array(jsonb_build_object('id', null, 'hash', encode(s.hash, 'hex'), 'ends_at', null)),
      (
        select coalesce(jsonb_agg(opening order by account_id), '[]'::jsonb)
        from user_opening
        where user_opening.user_id = s.user_id
      ),
      null, null, null
    from session s`.execute(db);
}

// The functions behind the triggers of 0012 that fire after an update. Rows that are there only before or only after, in what
// verification reads, are changed.
async function watchAccounts(db: Kysely<unknown>): Promise<void> {
  const columns = "id, platform, suspended_at, deleted_at, entitlements, external_id, rate_limits";
  await replaceTrigger(db, "account", changed(columns, "r.id"));
}

// The limits of a key are also those of the keys that draw on its counters.
async function watchKeys(db: Kysely<unknown>): Promise<void> {
  const columns = `id, account_id, profile_id, owner_profile_id, kind, system, environment, workspace_scope, permissions,
      expires_at, disabled_at, revoked_at, name, external_id, labels, rate_limits, limited_by_key_id`;
  await replaceTrigger(
    db,
    "api_key",
    `${changed(columns, "r.account_id")}
      select tags || coalesce(array_agg(k.id), '{}') into tags
      from old_rows o
      join new_rows n on n.id = o.id
      join api_key k on k.account_id = n.account_id and k.limited_by_key_id = n.id
      where n.rate_limits <> o.rate_limits;`,
  );
}

function changed(columns: string, account: string): string {
  return `
      select array_agg(distinct r.id), array_agg(distinct ${account}) into tags, accounts
      from (
        (select ${columns} from old_rows except select ${columns} from new_rows)
        union all (select ${columns} from new_rows except select ${columns} from old_rows)
      ) r;`;
}

async function replaceTrigger(db: Kysely<unknown>, table: string, find: string): Promise<void> {
  const body = `
    declare
      tags text[];
      accounts text[];
    begin
      ${find}
      perform latchkey_invalidate(coalesce(tags, '{}'), coalesce(accounts, '{}'));
      return null;
    end`;
  const name = sql.id(`latchkey_${table}_update`);
  await sql`create or replace function ${name}() returns trigger language plpgsql as ${sql.lit(body)}`.execute(
    db,
  );
}

// Verification only reads which records exist. So a spent or refilled credit sends nothing and fires no trigger.
async function watchCredits(db: Kysely<unknown>): Promise<void> {
  // The locks wait for keys that are being made, so that the tags name them too. Such a key draws on the locked one.
  const body = `
    declare
      tags text[];
    begin
      perform from api_key k where k.id = any (ids) for no key update;
      select ids || coalesce(array_agg(k.id), '{}') into tags
      from api_key k
      where k.account_id = any (accounts) and k.limited_by_key_id = any (ids);
      perform latchkey_invalidate(tags, accounts);
    end`;
  await sql`
    create function latchkey_invalidate_credits(ids text[], accounts text[]) returns void
    language plpgsql as ${sql.lit(body)}`.execute(db);
  for (const [event, rows] of [
    ["insert", "new"],
    ["delete", "old"],
  ]) {
    const all = `(select coalesce(array_agg(r.id), '{}') from ${rows}_rows r),
        (select coalesce(array_agg(distinct r.account_id), '{}') from ${rows}_rows r)`;
    const timing = `${event} on credit referencing ${rows} table as ${rows}_rows for each statement`;
    await watchCredit(db, `${event}`, timing, all);
  }
  const both = "array[old.id, new.id], array[old.account_id, new.account_id]";
  await watchCredit(db, "update", "update of id, account_id on credit for each row", both);
  await sql`
    create trigger latchkey_truncated after truncate on credit
    for each statement execute function latchkey_truncated()`.execute(db);
  await sql`alter table credit enable always trigger latchkey_truncated`.execute(db);
}

async function watchCredit(db: Kysely<unknown>, event: string, timing: string, what: string): Promise<void> {
  const name = sql.id(`latchkey_credit_${event}`);
  const body = `begin perform latchkey_invalidate_credits(${what}); return null; end`;
  await sql`create function ${name}() returns trigger language plpgsql as ${sql.lit(body)}`.execute(db);
  await sql`
    create trigger ${name} after ${sql.raw(timing)} execute function ${name}()`.execute(db);
  await sql`alter table credit enable always trigger ${name}`.execute(db);
}
