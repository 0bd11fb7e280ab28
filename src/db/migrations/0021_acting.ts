import { type Kysely, sql } from "kysely";

export const oldestServer = 12;

/**
 * A platform key may act for a tenant. The view `tenant` has what verification reads of the account. Keys and workspaces that
 * a platform key made for a tenant name that key, which belongs to another account.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create view tenant as
    select a.id, jsonb_build_object(
      'id', a.id,
      'external_id', a.external_id,
      'platform', a.platform,
      'suspended', a.suspended_at is not null or a.deleted_at is not null,
      'entitlements', a.entitlements,
      'profile', jsonb_build_object('id', p.id, 'type', p.type, 'name', p.name, 'email', p.email)
    ) as tenant
    from account a
    join profile p on p.account_id = a.id and p.type = 'system'`.execute(db);
  for (const table of ["api_key", "workspace"]) {
    await sql`alter table ${sql.table(table)} add column platform_key_id text collate "C"`.execute(db);
  }
  await sql`
    create index api_key_platform_key on api_key (account_id, platform_key_id)
      where platform_key_id is not null`.execute(db);
}
