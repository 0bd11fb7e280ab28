import { type Kysely, sql } from "kysely";

export const oldestServer = 10;

/**
 * Outside identities in the view of verification, found by a digest of issuer and subject. A guest is the profile under
 * which an identity acts in an account that its user is no member of; where that profile was removed, the identity
 * stays out. Guests outlive the identity, so that erasing oneself is no way back in.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  // Nothing has written identities before this step.
  await sql`
    alter table identity
      add column id text collate "C" not null unique check (id ~ '^oidc_[0-9a-f]{64}$')`.execute(db);
  await sql`
    create table guest (
      account_id   text collate "C" not null,
      identity_id  text collate "C" not null check (identity_id ~ '^oidc_[0-9a-f]{64}$'),
      profile_id   text collate "C" not null,
      created_at   timestamptz not null default clock_timestamp(),
      primary key (identity_id, account_id),
      foreign key (account_id, profile_id) references profile (account_id, id)
    )`.execute(db);
  await sql`create index guest_profile on guest (account_id, profile_id)`.execute(db);
  await sql`
    create view identity_opening as
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
        where r.account_id = held.account_id
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
  await sql`alter view credential rename to own_credential`.execute(db);
  await sql`
    create view credential as
    select * from own_credential
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
        select coalesce(jsonb_agg(opening order by account_id), '[]'::jsonb)
        from identity_opening
        where identity_opening.identity_id = i.id
      )
    from identity i`.execute(db);
}
