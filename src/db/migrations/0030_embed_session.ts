import { type Kysely, sql } from "kysely";

export const oldestServer = 12;

/**
 * Embed sessions. A platform key makes one for a page in the product of the platform, while it acts for an account. The session
 * reaches a part of what the key reaches, and ends with the key and with the token that made it. Earlier servers refuse its
 * token, because they do not know the kind.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await createTable(db);
  await createBearer(db);
  await watchSessions(db);
  await endWithKey(db);
}

async function createTable(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table embed_session (
      id             text collate "C" primary key,
      account_id     text collate "C" not null references account (id),
      -- The platform key that made it, and the token of that key. Both belong to the platform account.
      key_id         text collate "C" not null references api_key (id),
      token_id       bigint not null references api_key_token (id) on delete cascade,
      hash           bytea not null check (length(hash) = 32),
      permissions    text[] not null,
      workspace_ids  text[] not null,
      created_at     timestamptz not null default clock_timestamp(),
      expires_at     timestamptz not null,
      ended_at       timestamptz
    )`.execute(db);
  await sql`create index embed_session_maker on embed_session (key_id, account_id, expires_at)`.execute(db);
  await sql`create index embed_session_account on embed_session (account_id)`.execute(db);
  await sql`create index embed_session_token on embed_session (token_id)`.execute(db);
  await sql`create index embed_session_expires on embed_session (expires_at)`.execute(db);
}

// The credential of a session is that of its key: the account, the owner, the environment, the end and the limits. The column
// `embed` has what narrows it. The token of the session ends with the token that made it. The name of the key stays with the
// platform.
async function createBearer(db: Kysely<unknown>): Promise<void> {
  await sql`
    create view embed_credential as
    select
      e.id, k.kind, false as system, k.environment, k.expires_at, null::timestamptz as disabled_at,
      coalesce(e.ended_at, k.revoked_at, k.disabled_at) as revoked_at,
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
    join api_key_token t on t.id = e.token_id
    cross join lateral (select * from own_credential one where one.id = e.key_id limit 1) k`.execute(db);
  // Postgres prepares every part of a plan for each execution. A function is prepared only if it is called.
  await sql`
    create function latchkey_embed_credential(of_session text) returns setof embed_credential
    language plpgsql stable parallel safe rows 1
    as ${sql.lit("begin return query select c.* from embed_credential c where c.id = of_session; end")}`.execute(
    db,
  );
  await sql`
    create or replace view bearer as
    select
      id, kind, system, environment, expires_at, disabled_at, revoked_at, user_id, last_used_at, tokens,
      null::jsonb as accounts, openings, name, external_id, labels, null::jsonb as embed
    from own_credential
    where kind <> 'session'
    union all
    select
      s.id, 'session', false, null, s.expires_at, null, s.ended_at, s.user_id,
      coalesce((select u.last_used_at from session_use u where u.session_id = s.id), s.created_at),
      jsonb_build_array(jsonb_build_object('id', null, 'hash', encode(s.hash, 'hex'), 'ends_at', null)),
      (
        select coalesce(jsonb_agg(jsonb_build_object('account_id', m.account_id) order by m.account_id), '[]'::jsonb)
        from membership m
        where m.user_id = s.user_id
      ),
      '[]'::jsonb, null, null, null, null
    from session s
    union all
    select
      i.id, 'outside', false, null, null, null, null, i.user_id, null, '[]'::jsonb,
      coalesce(latchkey_identity_accounts(i.id), '[]'::jsonb),
      '[]'::jsonb, null, null, null, null
    from identity i
    union all
    select
      e.id, c.kind, c.system, c.environment, c.expires_at, c.disabled_at, c.revoked_at, c.user_id, c.last_used_at,
      c.tokens, c.accounts, c.openings, c.name, c.external_id, c.labels, c.embed
    from embed_session e
    cross join lateral latchkey_embed_credential(e.id) c`.execute(db);
}

const columns = "id, account_id, key_id, token_id, hash, permissions, workspace_ids, expires_at, ended_at";

// No cache can hold a new row, so an insert sends no tags. A row that has expired is refused anyway, so its deletion sends none.
async function watchSessions(db: Kysely<unknown>): Promise<void> {
  await watch(
    db,
    "update",
    "old table as old_rows new table as new_rows",
    `(select ${columns} from old_rows except select ${columns} from new_rows)
      union all (select ${columns} from new_rows except select ${columns} from old_rows)`,
  );
  await watch(
    db,
    "delete",
    "old table as old_rows",
    `select ${columns} from old_rows where expires_at > clock_timestamp()`,
  );
  await sql`
    create trigger latchkey_truncated after truncate on embed_session
    for each statement execute function latchkey_truncated()`.execute(db);
  await sql`alter table embed_session enable always trigger latchkey_truncated`.execute(db);
}

async function watch(db: Kysely<unknown>, event: string, tables: string, changed: string): Promise<void> {
  const name = sql.id(`latchkey_embed_session_${event}`);
  const body = `
    declare
      tags text[];
      accounts text[];
    begin
      select array_agg(distinct r.id), array_agg(distinct r.account_id) into tags, accounts from (${changed}) r;
      perform latchkey_invalidate(coalesce(tags, '{}'), coalesce(accounts, '{}'));
      return null;
    end`;
  await sql`create function ${name}() returns trigger language plpgsql as ${sql.lit(body)}`.execute(db);
  await sql`
    create trigger ${name} after ${sql.raw(event)} on embed_session referencing ${sql.raw(tables)}
    for each statement execute function ${name}()`.execute(db);
  await sql`alter table embed_session enable always trigger ${name}`.execute(db);
}

// A key that is revoked, disabled or narrowed ends its sessions for good. They stay ended if the change is taken back.
async function endWithKey(db: Kysely<unknown>): Promise<void> {
  const body = `
    declare
      over text[];
    begin
      select array_agg(n.id) into over
      from new_rows n
      join old_rows o on o.id = n.id
      where (o.revoked_at is null and n.revoked_at is not null)
        or (o.disabled_at is null and n.disabled_at is not null)
        or not n.permissions @> o.permissions;
      if over is not null then
        update embed_session set ended_at = clock_timestamp()
        where key_id = any (over) and ended_at is null and expires_at > clock_timestamp();
      end if;
      return null;
    end`;
  await sql`
    create function latchkey_end_embed_sessions() returns trigger language plpgsql as ${sql.lit(body)}`.execute(
    db,
  );
  await sql`
    create trigger latchkey_end_embed_sessions after update on api_key
    referencing old table as old_rows new table as new_rows
    for each statement execute function latchkey_end_embed_sessions()`.execute(db);
  await sql`alter table api_key enable always trigger latchkey_end_embed_sessions`.execute(db);
}
