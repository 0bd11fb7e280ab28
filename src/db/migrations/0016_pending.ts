import { type Kysely, sql } from "kysely";

export const oldestServer = 12;

/**
 * What is pending knows the credential that made it: invites, grace periods of superseded tokens, and mailed proofs. Of
 * earlier invites by keys it is known from the audit log. A server that does not know these columns leaves them empty.
 * `made_with` is a digest of what the maker reached when that was last compared.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    alter table invite
      add column made_by_key       text collate "C",
      add column made_by_session   text collate "C",
      add column made_by_identity  text collate "C",
      add check (num_nonnulls(made_by_key, made_by_session, made_by_identity) <= 1)`.execute(db);
  await sql`
    update invite i set made_by_key = e.key_id
    from audit_event e
    where e.account_id = i.account_id
      and e.resource_id = i.id
      and e.resource_type = 'invite'
      and e.outcome = 'done'
      and e.after is not null
      and e.key_id <> ''
      and i.accepted_at is null
      and i.revoked_at is null`.execute(db);
  await sql`alter table otp add column made_by_session text collate "C"`.execute(db);
  await sql`
    create table grace_period (
      token_id          bigint primary key references api_key_token (id) on delete cascade,
      account_id        text collate "C" not null,
      api_key_id        text collate "C" not null,
      made_by           text collate "C" not null,
      made_by_key       text collate "C",
      made_by_session   text collate "C",
      made_by_identity  text collate "C",
      made_with         text not null,
      ends_at           timestamptz not null,
      check (num_nonnulls(made_by_key, made_by_session, made_by_identity) = 1),
      foreign key (account_id, api_key_id) references api_key (account_id, id),
      foreign key (account_id, made_by) references profile (account_id, id)
    )`.execute(db);
  await sql`create index grace_period_account on grace_period (account_id, ends_at)`.execute(db);
  const pending = sql`accepted_at is null and revoked_at is null`;
  await sql`create index invite_pending on invite (account_id, expires_at) where ${pending}`.execute(db);
  for (const column of ["made_by_key", "made_by_session"]) {
    await sql`
      create index ${sql.id(`grace_period_${column}`)} on grace_period (${sql.id(column)})
        where ${sql.id(column)} is not null`.execute(db);
    await sql`
      create index ${sql.id(`invite_${column}`)} on invite (${sql.id(column)})
        where ${sql.id(column)} is not null and ${pending}`.execute(db);
  }
  await endWithKeys(db);
}

// The server ends what a key made in the transaction that revokes or disables it. This does the same at the end of every
// other transaction, such as an operator's. Deferred, so that the server comes first and records it.
async function endWithKeys(db: Kysely<unknown>): Promise<void> {
  await sql`
    create function latchkey_end_pending() returns trigger language plpgsql as $$
    begin
      update api_key_token t set ends_at = clock_timestamp()
      from grace_period g
      where g.made_by_key = new.id and t.id = g.token_id and t.ends_at > clock_timestamp();
      update invite set revoked_at = clock_timestamp()
      where made_by_key = new.id and accepted_at is null and revoked_at is null;
      return null;
    end $$`.execute(db);
  await sql`
    create constraint trigger latchkey_end_pending
    after update of revoked_at, disabled_at on api_key
    deferrable initially deferred
    for each row when (new.revoked_at is not null or new.disabled_at is not null)
    execute function latchkey_end_pending()`.execute(db);
  await sql`alter table api_key enable always trigger latchkey_end_pending`.execute(db);
}
