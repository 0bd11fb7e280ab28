import { type Kysely, sql } from "kysely";

export const oldestServer = 12;

/** Events of a key are found by an index, and failed log-ins are events: one per profile, client address and minute. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`create index audit_event_key on audit_event (account_id, key_id, id)`.execute(db);
  // Rows that are there already satisfy the wider checks, so none is read again.
  await sql`
    alter table audit_event
      drop constraint audit_event_outcome_check,
      drop constraint audit_event_check,
      add constraint audit_event_outcome_check check (outcome in ('done', 'refused', 'failed')) not valid,
      add constraint audit_event_check check ((outcome = 'done') = (minute is null)) not valid`.execute(db);
  await sql`
    create unique index audit_event_failed on audit_event (account_id, profile_id, client_address, minute)
      where outcome = 'failed'`.execute(db);
}
