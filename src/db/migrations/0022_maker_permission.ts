import { type Kysely, sql } from "kysely";

export const oldestServer = 12;

/**
 * The invite of a first owner knows which permission its platform key needs. If it is null, the key needs the one of
 * `OpenAccount`. Which earlier invites are of `InviteFirstOwner` is known from the audit log.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table invite add column maker_permission text collate "C"`.execute(db);
  await sql`
    update invite i set maker_permission = 'accounts:manage'
    from audit_event e
    where i.accepted_at is null and i.revoked_at is null and i.made_by_key is not null
      and e.account_id = i.account_id and e.resource_type = 'invite' and e.resource_id = i.id
      and e.method = 'latchkey.v1.AccountService/InviteFirstOwner'`.execute(db);
}
