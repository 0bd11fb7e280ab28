import { type Kysely, sql } from "kysely";

export const oldestServer = 12;

/**
 * A verdict carries the external id of the account, and the name, external id and labels of a key. So the views of
 * verification have them, and a change of one of them sends the tags of its account or key. Earlier servers do not read
 * the new columns.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await extendUserOpening(db);
  await extendIdentityOpening(db);
  await extendOwnCredential(db);
  await extendBearer(db);
  await watchUpdates(
    db,
    "account",
    "id, platform, suspended_at, deleted_at, entitlements, external_id",
    "r.id",
  );
  await watchUpdates(
    db,
    "api_key",
    `id, account_id, profile_id, owner_profile_id, kind, system, environment, workspace_scope, permissions,
      expires_at, disabled_at, revoked_at, name, external_id, labels`,
    "r.account_id",
  );
}

async function extendUserOpening(db: Kysely<unknown>): Promise<void> {
  await sql`
    create or replace view user_opening as
    select m.user_id, m.account_id, jsonb_build_object(
      'account_id', a.id,
      'external_id', a.external_id,
      'platform', a.platform,
      'suspended', a.suspended_at is not null or a.deleted_at is not null,
      'entitlements', a.entitlements,
      'profile', jsonb_build_object('id', p.id, 'type', p.type, 'name', p.name, 'email', p.email),
      'owner', m.owner,
      'permissions', m.permissions,
      'owner_permissions', null,
      'workspace_scope', case when m.all_workspaces then 'all' else 'selected' end,
      'workspaces', (
        select coalesce(jsonb_object_agg(w.id, w.archived_at is null), '{}'::jsonb)
        from workspace_grant g
        join workspace w on w.account_id = g.account_id and w.id = g.workspace_id
        where g.account_id = m.account_id and g.profile_id = m.profile_id
      )
    ) as opening
    from member_rights m
    join account a on a.id = m.account_id
    join profile p on p.id = m.profile_id`.execute(db);
}

async function extendIdentityOpening(db: Kysely<unknown>): Promise<void> {
  await sql`
    create or replace view identity_opening as
    select i.id as identity_id, i.user_id, held.account_id, held.opening || jsonb_build_object(
      'roles', (
        select jsonb_agg(jsonb_build_object(
          'id', r.id,
          'name_key', r.name_key,
          'builtin', r.builtin,
          'permissions', r.permissions,
          'all_workspaces', r.all_workspaces
        ))
        from role r
        where r.account_id = held.account_id and held.opening ->> 'standing' <> 'removed'
      )
    ) as opening
    from identity i
    cross join lateral (
      select u.account_id, u.opening || jsonb_build_object('standing', 'member') as opening
      from user_opening u
      where u.user_id = i.user_id
      union all
      select g.account_id, jsonb_build_object(
        'account_id', a.id,
        'external_id', a.external_id,
        'platform', a.platform,
        'suspended', a.suspended_at is not null or a.deleted_at is not null,
        'entitlements', a.entitlements,
        'profile', jsonb_build_object('id', p.id, 'type', p.type, 'name', p.name, 'email', p.email),
        'owner', false,
        'permissions', '[]'::jsonb,
        'owner_permissions', null,
        'workspace_scope', 'selected',
        'workspaces', (
          select coalesce(jsonb_object_agg(w.id, w.archived_at is null), '{}'::jsonb)
          from workspace_grant x
          join workspace w on w.account_id = x.account_id and w.id = x.workspace_id
          where x.account_id = g.account_id and x.profile_id = g.profile_id
        ),
        'standing', case when p.removed_at is null then 'guest' else 'removed' end
      )
      from guest g
      join account a on a.id = g.account_id
      join profile p on p.id = g.profile_id
      where g.identity_id = i.id
        and not exists (select from membership m where m.user_id = i.user_id and m.account_id = g.account_id)
    ) as held`.execute(db);
}

async function extendOwnCredential(db: Kysely<unknown>): Promise<void> {
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
          when k.kind = 'service' then coalesce((
            select rights.permissions
            from service_account s
            join team_rights rights on rights.account_id = s.account_id and rights.team_id = s.team_id
            where s.profile_id = k.owner_profile_id
          ), '[]'::jsonb)
          else coalesce((
            select rights.permissions from member_rights rights where rights.profile_id = k.owner_profile_id
          ), '[]'::jsonb)
        end,
        'workspace_scope', case
          when k.kind <> 'developer' then k.workspace_scope
          when k.workspace_scope = 'all' and coalesce((
            select rights.all_workspaces from member_rights rights where rights.profile_id = k.owner_profile_id
          ), false) then 'all'
          else 'selected'
        end,
        'workspaces', (
          select coalesce(jsonb_object_agg(w.id, w.archived_at is null), '{}'::jsonb)
          from workspace_grant g
          join workspace w on w.account_id = g.account_id and w.id = g.workspace_id
          where g.account_id = k.account_id
            -- A developer key of all workspaces enters those of its user; one of selected ones, those that both may.
            and g.profile_id = case
              when k.kind = 'developer' and k.workspace_scope = 'all' then k.owner_profile_id
              else k.profile_id
            end
            and (
              k.kind <> 'developer'
              or k.workspace_scope = 'all'
              or exists (
                select from member_rights rights
                where rights.profile_id = k.owner_profile_id and rights.all_workspaces
              )
              or exists (
                select from workspace_grant theirs
                where theirs.account_id = k.account_id
                  and theirs.profile_id = k.owner_profile_id
                  and theirs.workspace_id = g.workspace_id
              )
            )
        )
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

async function extendBearer(db: Kysely<unknown>): Promise<void> {
  await sql`
    create or replace view bearer as
    select
      id, kind, system, environment, expires_at, disabled_at, revoked_at, user_id, last_used_at, tokens,
      null::jsonb as accounts, openings, name, external_id, labels
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
      '[]'::jsonb, null, null, null
    from session s
    union all
    select
      i.id, 'outside', false, null, null, null, null, i.user_id, null, '[]'::jsonb,
      (
        select coalesce(jsonb_agg(account order by account_id), '[]'::jsonb)
        from identity_account
        where identity_account.identity_id = i.id
      ),
      '[]'::jsonb, null, null, null
    from identity i`.execute(db);
}

// The function behind the triggers of 0012 that fire after an update. Rows that are there only before or only after, in what
// verification reads, are changed.
async function watchUpdates(
  db: Kysely<unknown>,
  table: "account" | "api_key",
  columns: string,
  account: string,
): Promise<void> {
  const body = `
    declare
      tags text[];
      accounts text[];
    begin
      select array_agg(distinct r.id), array_agg(distinct ${account}) into tags, accounts
      from (
        (select ${columns} from old_rows except select ${columns} from new_rows)
        union all (select ${columns} from new_rows except select ${columns} from old_rows)
      ) r;
      perform latchkey_invalidate(coalesce(tags, '{}'), coalesce(accounts, '{}'));
      return null;
    end`;
  const name = sql.id(`latchkey_${table}_update`);
  await sql`create or replace function ${name}() returns trigger language plpgsql as ${sql.lit(body)}`.execute(
    db,
  );
}
