import { type Kysely, sql } from "kysely";

export const oldestServer = 10;

/**
 * Which key minted a key, so that everything that a leaked one made can be found. Known of earlier keys from the audit
 * log. A server that does not know the column leaves it empty.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table api_key add column minted_by_key_id text collate "C"`.execute(db);
  await sql`
    update api_key k set minted_by_key_id = m.id
    from audit_event e
    join api_key m on m.account_id = e.account_id and m.id = e.key_id
    where e.account_id = k.account_id
      and e.resource_id = k.id
      and e.method = 'latchkey.v1.ApiKeyService/CreateApiKey'
      and e.outcome = 'done'`.execute(db);
  await sql`
    alter table api_key
      add foreign key (account_id, minted_by_key_id) references api_key (account_id, id)`.execute(db);
  await sql`
    create index api_key_minted_by on api_key (account_id, minted_by_key_id)
      where minted_by_key_id is not null`.execute(db);
}
