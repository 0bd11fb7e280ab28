import { type Kysely, sql } from "kysely";

export const oldestServer = 9;

/**
 * The view of verification, with people's teams and with owned keys: `owner_permissions` is what the owner of a service
 * or developer key may do now, which the key's own list only narrows; null where nobody narrows it.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`drop view credential`.execute(db);
  await sql`
    create view team_rights as
    select t.account_id, t.id as team_id, coalesce(
      (
        select jsonb_agg(distinct permission)
        from team_role x
        join role r on r.account_id = x.account_id and r.id = x.role_id
        cross join unnest(r.permissions) as permission
        where x.account_id = t.account_id and x.team_id = t.id
      ), '[]'::jsonb) as permissions
    from team t`.execute(db);
  await sql`
    create view member_rights as
    select m.account_id, m.user_id, m.profile_id, r.all_workspaces, r.builtin is not distinct from 'owner' as owner, (
      select coalesce(jsonb_agg(distinct permission), '[]'::jsonb)
      from (
        select unnest(r.permissions) as permission
        union all
        select jsonb_array_elements_text(rights.permissions)
        from team_member tm
        join team_rights rights on rights.account_id = tm.account_id and rights.team_id = tm.team_id
        where tm.account_id = m.account_id and tm.profile_id = m.profile_id
      ) held
    ) as permissions
    from membership m
    join role r on r.account_id = m.account_id and r.id = m.role_id`.execute(db);
  await sql`
    create view user_opening as
    select m.user_id, m.account_id, jsonb_build_object(
      'account_id', a.id,
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
        select coalesce(jsonb_agg(opening order by account_id), '[]'::jsonb)
        from user_opening
        where user_opening.user_id = s.user_id
      )
    from session s`.execute(db);
}
