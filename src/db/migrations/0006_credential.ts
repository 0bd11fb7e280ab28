import { type Kysely, sql } from "kysely";

export const oldestServer = 6;

/**
 * The one view that verification reads: a row per key and per session, with its tokens, and in `openings` what it
 * opens: an object per account, of which a key has one and a session one per membership.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create view credential as
    select
      k.id,
      k.kind,
      k.system,
      k.environment,
      k.expires_at,
      k.disabled_at,
      k.revoked_at,
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
        'platform', a.platform,
        'suspended', a.suspended_at is not null,
        'entitlements', a.entitlements,
        'profile', jsonb_build_object('id', p.id, 'type', p.type, 'name', p.name, 'email', p.email),
        'owner', false,
        'permissions', k.permissions,
        'workspace_scope', k.workspace_scope,
        'workspaces', (
          select coalesce(jsonb_object_agg(w.id, w.archived_at is null), '{}'::jsonb)
          from workspace_grant g
          join workspace w on w.account_id = g.account_id and w.id = g.workspace_id
          where g.account_id = k.account_id and g.profile_id = k.profile_id
        )
      )) as openings
    from api_key k
    join account a on a.id = k.account_id
    join profile p on p.id = coalesce(k.owner_profile_id, k.profile_id)
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
        select coalesce(jsonb_agg(jsonb_build_object(
          'account_id', a.id,
          'platform', a.platform,
          'suspended', a.suspended_at is not null,
          'entitlements', a.entitlements,
          'profile', jsonb_build_object('id', p.id, 'type', p.type, 'name', p.name, 'email', p.email),
          'owner', r.builtin is not distinct from 'owner',
          'permissions', r.permissions,
          'workspace_scope', case when r.all_workspaces then 'all' else 'selected' end,
          'workspaces', (
            select coalesce(jsonb_object_agg(w.id, w.archived_at is null), '{}'::jsonb)
            from workspace_grant g
            join workspace w on w.account_id = g.account_id and w.id = g.workspace_id
            where g.account_id = m.account_id and g.profile_id = m.profile_id
          )
        ) order by a.id), '[]'::jsonb)
        from membership m
        join account a on a.id = m.account_id
        join profile p on p.id = m.profile_id
        join role r on r.account_id = m.account_id and r.id = m.role_id
        where m.user_id = s.user_id
      )
    from session s`.execute(db);
}
