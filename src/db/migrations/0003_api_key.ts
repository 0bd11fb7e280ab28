import { type Kysely, sql } from "kysely";

export const oldestServer = 3;

/** Keys and their tokens. What verification writes lives apart from what it reads. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table api_key (
      id                text collate "C" primary key,
      account_id        text collate "C" not null references account (id),
      profile_id        text collate "C" not null unique,
      owner_profile_id  text collate "C",
      name              text not null check (length(name) between 1 and 128),
      description       text not null default '' check (length(description) <= 1024),
      external_id       text not null default '' check (length(external_id) <= 128),
      labels            jsonb not null default '{}' check (jsonb_typeof(labels) = 'object'),
      kind              text not null check (kind in ('application', 'service', 'developer')),
      system            boolean not null default false,
      environment       text check (environment in ('test', 'live')),
      workspace_scope   text not null check (workspace_scope in ('selected', 'all')),
      permissions       text[] not null,
      created_by        text collate "C" not null,
      created_at        timestamptz not null default clock_timestamp(),
      expires_at        timestamptz,
      disabled_at       timestamptz,
      revoked_at        timestamptz,
      changed_at        timestamptz not null default clock_timestamp(),
      version           integer not null default 1,
      unique (account_id, id),
      check ((kind = 'application') = (environment is not null)),
      check ((kind = 'application') = (owner_profile_id is null)),
      check (not system or (kind = 'service' and revoked_at is null and expires_at is null)),
      foreign key (account_id, profile_id) references profile (account_id, id),
      foreign key (account_id, owner_profile_id) references profile (account_id, id),
      foreign key (account_id, created_by) references profile (account_id, id)
    )`.execute(db);
  await sql`create unique index api_key_system on api_key (account_id) where system`.execute(db);
  await sql`create index api_key_unrevoked on api_key (account_id, id) where revoked_at is null`.execute(db);
  await sql`
    create table api_key_token (
      id          bigint generated always as identity primary key,
      account_id  text collate "C" not null,
      api_key_id  text collate "C" not null,
      hash        bytea not null unique check (length(hash) = 32),
      hint        text not null,
      created_at  timestamptz not null default clock_timestamp(),
      ends_at     timestamptz,
      foreign key (account_id, api_key_id) references api_key (account_id, id)
    )`.execute(db);
  await sql`create index api_key_token_key on api_key_token (api_key_id)`.execute(db);
  // A key has one current token at most; every other one has an end.
  await sql`create unique index api_key_token_current on api_key_token (api_key_id) where ends_at is null`.execute(
    db,
  );
  await sql`
    create table api_key_token_use (
      token_id      bigint primary key references api_key_token (id) on delete cascade,
      last_used_at  timestamptz not null
    )`.execute(db);
}
