import { type Kysely, sql } from "kysely";

export const oldestServer = 12;

/**
 * The end of all embed sessions of a key is one column of the key. Before, the change of the key wrote each live session, so
 * a key with very many sessions could not be revoked within the time of a statement.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table api_key add column embed_ended_at timestamptz`.execute(db);
  await sql`drop trigger latchkey_end_embed_sessions on api_key`.execute(db);
  await sql`drop function latchkey_end_embed_sessions()`.execute(db);
  await endWithKey(db);
  await watchEnd(db);
  await replaceView(db);
}

// A key that is revoked, disabled or narrowed ends its sessions for good. They stay ended if the change is taken back. The
// trigger runs after the lock of the row is granted, and a session is made under a lock of that row. So each earlier session
// has an earlier time.
async function endWithKey(db: Kysely<unknown>): Promise<void> {
  const body = `
    begin
      if (old.revoked_at is null and new.revoked_at is not null)
        or (old.disabled_at is null and new.disabled_at is not null)
        or not new.permissions @> old.permissions
      then
        new.embed_ended_at := clock_timestamp();
      end if;
      return new;
    end`;
  await sql`
    create function latchkey_end_embed_sessions() returns trigger language plpgsql as ${sql.lit(body)}`.execute(
    db,
  );
  await sql`
    create trigger latchkey_end_embed_sessions before update on api_key
    for each row execute function latchkey_end_embed_sessions()`.execute(db);
  await sql`alter table api_key enable always trigger latchkey_end_embed_sessions`.execute(db);
}

// The tags of the key are those of its other columns too. Postgres sends equal notifications of a transaction once.
async function watchEnd(db: Kysely<unknown>): Promise<void> {
  await watch(db, "create", "latchkey_api_key_embed_end", "id, account_id, embed_ended_at");
  await sql`
    create trigger latchkey_api_key_embed_end after update on api_key
    referencing old table as old_rows new table as new_rows
    for each statement execute function latchkey_api_key_embed_end()`.execute(db);
  await sql`alter table api_key enable always trigger latchkey_api_key_embed_end`.execute(db);
  // The time of a session now decides whether it has ended.
  const columns =
    "id, account_id, key_id, token_id, hash, permissions, workspace_ids, created_at, expires_at, ended_at";
  await watch(db, "create or replace", "latchkey_embed_session_update", columns);
}

async function watch(db: Kysely<unknown>, create: string, name: string, columns: string): Promise<void> {
  const body = `
    declare
      tags text[];
      accounts text[];
    begin
      select array_agg(distinct r.id), array_agg(distinct r.account_id) into tags, accounts from (
        (select ${columns} from old_rows except select ${columns} from new_rows)
        union all (select ${columns} from new_rows except select ${columns} from old_rows)
      ) r;
      perform latchkey_invalidate(coalesce(tags, '{}'), coalesce(accounts, '{}'));
      return null;
    end`;
  await sql`
    ${sql.raw(create)} function ${sql.id(name)}() returns trigger language plpgsql as ${sql.lit(body)}`.execute(
    db,
  );
}

async function replaceView(db: Kysely<unknown>): Promise<void> {
  await sql`
    create or replace view embed_credential as
    select
      e.id, k.kind, false as system, k.environment, k.expires_at, null::timestamptz as disabled_at,
      coalesce(
        e.ended_at, k.revoked_at, k.disabled_at,
        case when e.created_at <= a.embed_ended_at then a.embed_ended_at end
      ) as revoked_at,
      null::text as user_id,
      null::timestamptz as last_used_at,
      jsonb_build_array(jsonb_build_object(
        'id', null,
        'hash', encode(e.hash, 'hex'),
        'ends_at', floor(extract(epoch from t.ends_at) * 1000)
      )) as tokens,
      null::jsonb as accounts,
      k.openings,
      null::text as name, null::text as external_id, null::jsonb as labels,
      jsonb_build_object(
        'key_id', e.key_id,
        'account_id', e.account_id,
        'ends_at', floor(extract(epoch from e.expires_at) * 1000),
        'permissions', e.permissions,
        'workspaces', (
          select coalesce(jsonb_object_agg(w.id, w.archived_at is null), '{}'::jsonb)
          from workspace w
          where w.account_id = e.account_id and w.id = any (e.workspace_ids)
        )
      ) as embed
    from embed_session e
    join api_key a on a.id = e.key_id
    join api_key_token t on t.id = e.token_id
    cross join lateral (select * from own_credential one where one.id = e.key_id limit 1) k`.execute(db);
}
