import { type Kysely, sql } from "kysely";

export const oldestServer = 4;

/** Sign-ins of users. Activity lives apart, so that it never looks like a change of the session. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table session (
      id          text collate "C" primary key,
      user_id     text collate "C" not null references "user" (id),
      hash        bytea not null unique check (length(hash) = 32),
      created_at  timestamptz not null default clock_timestamp(),
      expires_at  timestamptz not null,
      ended_at    timestamptz
    )`.execute(db);
  await sql`create index session_user_id on session (user_id, id)`.execute(db);
  await sql`
    create table session_use (
      session_id    text collate "C" primary key references session (id) on delete cascade,
      last_used_at  timestamptz not null
    )`.execute(db);
}
