import { type Kysely, sql } from "kysely";

export const oldestServer = 2;

/** Workspaces, and one table of grants for people and keys. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table workspace (
      id           text collate "C" primary key,
      account_id   text collate "C" not null references account (id),
      name         text not null check (length(name) between 1 and 128),
      description  text not null default '' check (length(description) <= 1024),
      external_id  text not null default '' check (length(external_id) <= 128),
      labels       jsonb not null default '{}' check (jsonb_typeof(labels) = 'object'),
      created_by   text collate "C" not null,
      created_at   timestamptz not null default clock_timestamp(),
      archived_at  timestamptz,
      version      integer not null default 1,
      unique (account_id, id),
      foreign key (account_id, created_by) references profile (account_id, id)
    )`.execute(db);
  await sql`
    create table workspace_grant (
      account_id    text collate "C" not null,
      workspace_id  text collate "C" not null,
      profile_id    text collate "C" not null,
      created_by    text collate "C" not null,
      created_at    timestamptz not null default clock_timestamp(),
      primary key (account_id, profile_id, workspace_id),
      foreign key (account_id, workspace_id) references workspace (account_id, id),
      foreign key (account_id, profile_id) references profile (account_id, id),
      foreign key (account_id, created_by) references profile (account_id, id)
    )`.execute(db);
  await sql`create index workspace_grant_members on workspace_grant (account_id, workspace_id, profile_id)`.execute(
    db,
  );
}
