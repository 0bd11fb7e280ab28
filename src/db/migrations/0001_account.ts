import { type Kysely, sql } from "kysely";

export const oldestServer = 1;

/** Accounts, the people in them, and what their roles allow. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table account (
      id            text collate "C" primary key,
      name          text not null check (length(name) between 1 and 128),
      description   text not null default '' check (length(description) <= 1024),
      external_id   text not null default '' check (length(external_id) <= 128),
      labels        jsonb not null default '{}' check (jsonb_typeof(labels) = 'object'),
      entitlements  text[] not null default '{}',
      platform      boolean not null default false,
      created_by    text collate "C" not null,
      created_at    timestamptz not null default clock_timestamp(),
      suspended_at  timestamptz,
      version       integer not null default 1,
      check (not (platform and suspended_at is not null))
    )`.execute(db);
  await sql`create unique index account_platform on account (platform) where platform`.execute(db);
  await sql`
    create table "user" (
      id             text collate "C" primary key,
      email          text not null unique check (email = lower(email) and length(email) <= 254),
      name           text not null check (length(name) between 1 and 128),
      password_hash  text not null,
      created_at     timestamptz not null default clock_timestamp()
    )`.execute(db);
  await sql`
    create table profile (
      id          text collate "C" primary key,
      account_id  text collate "C" not null references account (id),
      type        text not null check (type in ('user', 'service_account', 'api_key', 'system')),
      name        text not null check (length(name) between 1 and 128),
      email       text not null default '',
      created_at  timestamptz not null default clock_timestamp(),
      removed_at  timestamptz,
      unique (account_id, id)
    )`.execute(db);
  await sql`create unique index profile_system on profile (account_id) where type = 'system'`.execute(db);
  // Who made an account is a profile in it, and a profile needs its account first: judged at commit.
  await sql`
    alter table account add foreign key (id, created_by) references profile (account_id, id)
      deferrable initially deferred`.execute(db);
  await sql`
    create table role (
      id              text collate "C" primary key,
      account_id      text collate "C" not null references account (id),
      name            text not null check (length(name) between 1 and 128),
      builtin         text check (builtin in ('owner', 'admin', 'developer', 'viewer')),
      permissions     text[] not null,
      all_workspaces  boolean not null default false,
      created_at      timestamptz not null default clock_timestamp(),
      unique (account_id, id)
    )`.execute(db);
  await sql`create unique index role_name on role (account_id, lower(name))`.execute(db);
  await sql`create unique index role_builtin on role (account_id, builtin) where builtin is not null`.execute(
    db,
  );
  await sql`
    create table membership (
      account_id  text collate "C" not null references account (id),
      user_id     text collate "C" not null references "user" (id),
      profile_id  text collate "C" not null unique,
      role_id     text collate "C" not null,
      created_at  timestamptz not null default clock_timestamp(),
      primary key (user_id, account_id),
      foreign key (account_id, profile_id) references profile (account_id, id),
      foreign key (account_id, role_id) references role (account_id, id)
    )`.execute(db);
  await sql`create index membership_role on membership (account_id, role_id)`.execute(db);
}
