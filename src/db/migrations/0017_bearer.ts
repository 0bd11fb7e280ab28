import { type Kysely, sql } from "kysely";

export const oldestServer = 12;

// In the order in which rows are locked. A row is found within its account or user only, so that no request locks what
// belongs to another one.
const tables: Record<string, string> = {
  account: "id = one.id",
  user: "id = one.id",
  session: "id = one.id and user_id = one.scope",
  identity: "id = one.id",
  role: "id = one.id and account_id = one.scope",
  team: "id = one.id and account_id = one.scope",
  service_account: "id = one.id and account_id = one.scope",
  membership: "profile_id = one.id and account_id = one.scope",
  guest: "profile_id = one.id and account_id = one.scope",
  workspace: "id = one.id and account_id = one.scope",
  api_key: "id = one.id and account_id = one.scope",
  invite: "id = one.id and account_id = one.scope",
};

// From the weakest to the strongest; the last two are exclusive.
const modes = ["key share", "share", "no key update", "update"];

/**
 * The view `bearer` has what verification reads of a bearer. For a user, it only names the accounts. A statement reads the
 * access to one of them from `bearer_access`, so its cost does not grow with the other accounts. A key has one account,
 * whose access is in `openings`. Earlier servers read `credential`, which has the access to all accounts in one row.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await createIdentityAccount(db);
  await createBearer(db);
  await createAccess(db);
  await createAuthority(db);
}

// The accounts of an external identity. In an account where it is a guest, its token may claim a role.
async function createIdentityAccount(db: Kysely<unknown>): Promise<void> {
  await sql`
    create view identity_account as
    select held.identity_id, held.account_id, jsonb_build_object(
      'account_id', a.id,
      'platform', a.platform,
      'standing', held.standing,
      'roles', case when held.standing = 'guest' then (
        select jsonb_agg(jsonb_build_object('id', r.id, 'name_key', r.name_key, 'builtin', r.builtin))
        from role r
        where r.account_id = held.account_id
      ) end
    ) as account
    from (
      select i.id as identity_id, m.account_id, 'member' as standing
      from identity i
      join membership m on m.user_id = i.user_id
      union all
      select i.id, g.account_id, case when p.removed_at is null then 'guest' else 'removed' end
      from identity i
      join guest g on g.identity_id = i.id
      join profile p on p.id = g.profile_id
      where not exists (select from membership m where m.user_id = i.user_id and m.account_id = g.account_id)
    ) as held
    join account a on a.id = held.account_id`.execute(db);
}

async function createBearer(db: Kysely<unknown>): Promise<void> {
  await sql`
    create view bearer as
    select
      id, kind, system, environment, expires_at, disabled_at, revoked_at, user_id, last_used_at, tokens,
      null::jsonb as accounts, openings
    from own_credential
    where kind <> 'session'
    union all
    select
      s.id,
      'session',
      false,
      null,
      s.expires_at,
      null,
      s.ended_at,
      s.user_id,
      coalesce((select u.last_used_at from session_use u where u.session_id = s.id), s.created_at),
      jsonb_build_array(jsonb_build_object('id', null, 'hash', encode(s.hash, 'hex'), 'ends_at', null)),
      (
        select coalesce(jsonb_agg(jsonb_build_object('account_id', m.account_id) order by m.account_id), '[]'::jsonb)
        from membership m
        where m.user_id = s.user_id
      ),
      '[]'::jsonb
    from session s
    union all
    select
      i.id,
      'outside',
      false,
      null,
      null,
      null,
      null,
      i.user_id,
      null,
      '[]'::jsonb,
      (
        select coalesce(jsonb_agg(account order by account_id), '[]'::jsonb)
        from identity_account
        where identity_account.identity_id = i.id
      ),
      '[]'::jsonb
    from identity i`.execute(db);
}

// The column `kind` lets a statement skip the branch of the other kind.
async function createAccess(db: Kysely<unknown>): Promise<void> {
  await sql`
    create view bearer_access as
    select 'session' as kind, s.id, u.account_id, u.opening
    from session s
    join user_opening u on u.user_id = s.user_id
    union all
    select 'outside', i.identity_id, i.account_id, i.opening
    from identity_opening i`.execute(db);
}

// The function of 0013, for a bearer that acts in one account or in none. It reads the access to that account only. Earlier
// servers call that one.
async function createAuthority(db: Kysely<unknown>): Promise<void> {
  const lockRow = Object.entries(tables)
    .map(([table, condition]) => {
      const quoted = JSON.stringify(table);
      const lock = (mode: string) => `perform from ${quoted} where ${condition} for ${mode};`;
      const cases = modes.map((mode, index) => `when ${index + 1} then ${lock(mode)}`);
      return `when '${table}' then case one.mode ${cases.join("\n")} end case;`;
    })
    .join("\n");
  const order = Object.keys(tables).map((table) => `'${table}'`);
  const body = `
    declare
      one record;
      seen jsonb;
    begin
      -- A service key knows the profile of its service account.
      if 'service_account' = any (tables) then
        ids := array(
          select case when named.tbl = 'service_account' then coalesce((
            select s.id from service_account s where s.account_id = named.scope and s.profile_id = named.id
          ), named.id) else named.id end
          from unnest(tables, scopes, ids) with ordinality as named (tbl, scope, id, position)
          order by position
        );
      end if;
      for one in
        select latchkey_lock_key(named.scope, named.id) as key, bool_or(named.mode > 2) as exclusive
        from unnest(scopes, ids, modes) as named (scope, id, mode)
        group by 1
        order by 1
      loop
        if one.exclusive then perform pg_advisory_xact_lock(one.key);
        else perform pg_advisory_xact_lock_shared(one.key);
        end if;
      end loop;
      for one in
        select named.tbl, named.scope, named.id, max(named.mode) as mode
        from unnest(tables, scopes, ids, modes) as named (tbl, scope, id, mode)
        where named.tbl <> 'owners'
        group by named.tbl, named.scope, named.id
        order by array_position(array[${order.join(", ")}], named.tbl), named.scope, named.id
      loop
        case one.tbl
          ${lockRow}
        end case;
      end loop;
      if bearer is not null then
        select to_jsonb(b) || jsonb_build_object(
          'accounts', (
            select jsonb_agg(known) from jsonb_array_elements(b.accounts) as known
            where known ->> 'account_id' = account
          ),
          'openings', b.openings || coalesce((
            select jsonb_build_array(a.opening) from bearer_access a
            where a.kind = b.kind and a.id = b.id and a.account_id = account
          ), '[]'::jsonb)
        )
        into seen
        from bearer b
        where b.id = latchkey_authority.bearer
        limit 1;
      end if;
      return jsonb_build_object('credential', seen, 'now', clock_timestamp());
    end`;
  await sql`
    create function latchkey_authority(
      bearer text, account text, tables text[], scopes text[], ids text[], modes integer[]
    )
    returns jsonb language plpgsql as ${sql.lit(body)}`.execute(db);
}
