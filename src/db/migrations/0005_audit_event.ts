import { type Kysely, sql } from "kysely";

export const oldestServer = 5;

/** What was done and refused, and which creating requests were already answered. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table audit_event (
      id              text collate "C" primary key,
      account_id      text collate "C" not null references account (id),
      created_at      timestamptz not null default clock_timestamp(),
      profile_id      text collate "C" not null,
      key_id          text collate "C" not null default '',
      method          text not null,
      outcome         text not null check (outcome in ('done', 'refused')),
      reason          text not null default '',
      resource_type   text not null default '',
      resource_id     text collate "C" not null default '',
      before          jsonb,
      after           jsonb,
      request_id      text not null,
      client_address  text not null,
      count           integer not null default 1,
      via             text not null default '',
      minute          timestamptz,
      check ((outcome = 'refused') = (minute is not null))
    )`.execute(db);
  await sql`create index audit_event_list on audit_event (account_id, id)`.execute(db);
  await sql`create index audit_event_resource on audit_event (account_id, resource_id, id)`.execute(db);
  await sql`create index audit_event_profile on audit_event (account_id, profile_id, id)`.execute(db);
  await sql`
    create unique index audit_event_refusal on audit_event (account_id, profile_id, key_id, method, minute)
      where outcome = 'refused'`.execute(db);
  await sql`
    create table request (
      caller_id    text collate "C" not null,
      method       text not null,
      request_id   text not null,
      resource_id  text collate "C" not null,
      created_at   timestamptz not null default clock_timestamp(),
      primary key (caller_id, method, request_id)
    )`.execute(db);
}
