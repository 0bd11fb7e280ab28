import { type Kysely, sql } from "kysely";

export const oldestServer = 12;

/**
 * What teams and people may do, from each of their roles once: a role that comes by many teams is read a single time. An
 * outside identity that stays out of an account is told none of its roles.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create or replace view team_rights as
    select t.account_id, t.id as team_id, (
      select coalesce(jsonb_agg(permission order by permission), '[]'::jsonb)
      from (
        select distinct permission
        from team_role x
        join role r on r.account_id = x.account_id and r.id = x.role_id
        cross join unnest(r.permissions) as permission
        where x.account_id = t.account_id and x.team_id = t.id
      ) held
    ) as permissions
    from team t`.execute(db);
  await sql`
    create or replace view member_rights as
    select m.account_id, m.user_id, m.profile_id, r.all_workspaces, r.builtin is not distinct from 'owner' as owner, (
      select coalesce(jsonb_agg(permission order by permission), '[]'::jsonb)
      from (
        select distinct permission
        from role x
        cross join unnest(x.permissions) as permission
        where x.account_id = m.account_id and x.id in (
          select m.role_id
          union
          select tr.role_id
          from team_member tm
          join team_role tr on tr.account_id = tm.account_id and tr.team_id = tm.team_id
          where tm.account_id = m.account_id and tm.profile_id = m.profile_id
        )
      ) held
    ) as permissions
    from membership m
    join role r on r.account_id = m.account_id and r.id = m.role_id`.execute(db);
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
