import { type Kysely, sql } from "kysely";

export const oldestServer = 12;

/**
 * Postgres prepares every part of a plan for each execution, also the parts that it never runs. So what only some kinds of
 * bearers need is in functions: what the owner of a key holds, and the accounts of an external identity. They are stable, so
 * they read the snapshot of the statement that calls them. They read views only, so a test knows every column behind the
 * views of verification. The rows of these views are the same as before.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await createParts(db);
  await createFunctions(db);
  await createUserOpening(db);
  await createOwnCredential(db);
  await createBearer(db);
  await createAccess(db);
}

async function createParts(db: Kysely<unknown>): Promise<void> {
  // `limit 1` makes Postgres look up the workspace of each grant by its id. A plain join may read every workspace of the
  // account for each grant, because a plan of a new database does not know how many there are.
  await sql`
    create view granted_workspace as
    select g.account_id, g.profile_id, g.workspace_id, w.live
    from workspace_grant g
    cross join lateral (
      select one.archived_at is null as live
      from workspace one
      where one.account_id = g.account_id and one.id = g.workspace_id
      limit 1
    ) w`.execute(db);
  await sql`
    create view service_account_rights as
    select s.profile_id, rights.permissions
    from service_account s
    join team_rights rights on rights.account_id = s.account_id and rights.team_id = s.team_id`.execute(db);
}

async function createFunctions(db: Kysely<unknown>): Promise<void> {
  await stable(
    db,
    "latchkey_owner_permissions(key_kind text, owner_profile text) returns jsonb",
    `begin
      if key_kind = 'service' then
        return (
          select rights.permissions from service_account_rights rights where rights.profile_id = owner_profile
        );
      end if;
      return (select rights.permissions from member_rights rights where rights.profile_id = owner_profile);
    end`,
  );
  await stable(
    db,
    "latchkey_enters_all(user_profile text) returns boolean",
    `begin
      return (select rights.all_workspaces from member_rights rights where rights.profile_id = user_profile);
    end`,
  );
  // The workspaces of a developer key with selected workspaces: those that the key and its user may both enter.
  await stable(
    db,
    "latchkey_shared_workspaces(of_account text, key_profile text, user_profile text) returns jsonb",
    `begin
      return (
        select jsonb_object_agg(g.workspace_id, g.live)
        from granted_workspace g
        where g.account_id = of_account and g.profile_id = key_profile and (
          latchkey_enters_all(user_profile) or exists (
            select from granted_workspace theirs
            where theirs.account_id = of_account and theirs.profile_id = user_profile
              and theirs.workspace_id = g.workspace_id
          )
        )
      );
    end`,
  );
  await stable(
    db,
    "latchkey_identity_accounts(of_identity text) returns jsonb",
    `begin
      return (
        select jsonb_agg(known.account order by known.account_id)
        from identity_account known
        where known.identity_id = of_identity
      );
    end`,
  );
}

async function createUserOpening(db: Kysely<unknown>): Promise<void> {
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
        select coalesce(jsonb_object_agg(g.workspace_id, g.live), '{}'::jsonb)
        from granted_workspace g
        where g.account_id = m.account_id and g.profile_id = m.profile_id
      )
    ) as opening
    from member_rights m
    join account a on a.id = m.account_id
    join profile p on p.id = m.profile_id`.execute(db);
}

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
        end, '{}'::jsonb)
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

async function createBearer(db: Kysely<unknown>): Promise<void> {
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
      coalesce(latchkey_identity_accounts(i.id), '[]'::jsonb),
      '[]'::jsonb, null, null, null
    from identity i`.execute(db);
}

// Reads `bearer_access` for one bearer in one account. Each branch plans only the part of its kind.
async function createAccess(db: Kysely<unknown>): Promise<void> {
  const accessOf = (kind: string) => `(
        select a.opening from bearer_access a
        where a.kind = '${kind}' and a.id = bearer_id and a.account_id = of_account
      )`;
  await stable(
    db,
    "latchkey_bearer_access(bearer_kind text, bearer_id text, of_account text) returns jsonb",
    `begin
      if bearer_kind = 'session' then return ${accessOf("session")};
      elsif bearer_kind = 'outside' then return ${accessOf("outside")};
      end if;
      return null;
    end`,
  );
}

async function stable(db: Kysely<unknown>, signature: string, body: string): Promise<void> {
  await sql`
    create function ${sql.raw(signature)} language plpgsql stable parallel safe as ${sql.lit(body)}`.execute(
    db,
  );
}
