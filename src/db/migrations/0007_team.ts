import { type Kysely, sql } from "kysely";

export const oldestServer = 7;

/** Teams, what they and custom roles allow, and service accounts. Names collide by `name_key`. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    alter table role
      add column description  text not null default '' check (length(description) <= 1024),
      add column external_id  text not null default '' check (length(external_id) <= 128),
      add column labels       jsonb not null default '{}' check (jsonb_typeof(labels) = 'object'),
      add column name_key     text,
      add column created_by   text collate "C",
      add column version      integer not null default 1`.execute(db);
  await sql`
    update role set name_key = lower(name), created_by = (select created_by from account where id = account_id)`.execute(
    db,
  );
  await sql`
    alter table role
      alter column name_key set not null,
      alter column created_by set not null,
      add foreign key (account_id, created_by) references profile (account_id, id)`.execute(db);
  await sql`drop index role_name`.execute(db);
  await sql`create unique index role_name_key on role (account_id, name_key)`.execute(db);
  await sql`
    create table team (
      id           text collate "C" primary key,
      account_id   text collate "C" not null references account (id),
      name         text not null check (length(name) between 1 and 128),
      name_key     text not null,
      description  text not null default '' check (length(description) <= 1024),
      external_id  text not null default '' check (length(external_id) <= 128),
      labels       jsonb not null default '{}' check (jsonb_typeof(labels) = 'object'),
      created_by   text collate "C" not null,
      created_at   timestamptz not null default clock_timestamp(),
      version      integer not null default 1,
      unique (account_id, id),
      unique (account_id, name_key),
      foreign key (account_id, created_by) references profile (account_id, id)
    )`.execute(db);
  await sql`
    create table team_role (
      account_id  text collate "C" not null,
      team_id     text collate "C" not null,
      role_id     text collate "C" not null,
      primary key (account_id, team_id, role_id),
      foreign key (account_id, team_id) references team (account_id, id) on delete cascade,
      foreign key (account_id, role_id) references role (account_id, id)
    )`.execute(db);
  await sql`create index team_role_role on team_role (account_id, role_id)`.execute(db);
  await sql`
    create table team_member (
      account_id  text collate "C" not null,
      team_id     text collate "C" not null,
      profile_id  text collate "C" not null,
      created_by  text collate "C" not null,
      created_at  timestamptz not null default clock_timestamp(),
      primary key (account_id, profile_id, team_id),
      foreign key (account_id, team_id) references team (account_id, id) on delete cascade,
      foreign key (account_id, profile_id) references profile (account_id, id),
      foreign key (account_id, created_by) references profile (account_id, id)
    )`.execute(db);
  await sql`create index team_member_team on team_member (account_id, team_id, profile_id)`.execute(db);
  await sql`
    create table service_account (
      id           text collate "C" primary key,
      account_id   text collate "C" not null references account (id),
      profile_id   text collate "C" not null unique,
      team_id      text collate "C" not null,
      name         text not null check (length(name) between 1 and 128),
      name_key     text not null,
      description  text not null default '' check (length(description) <= 1024),
      external_id  text not null default '' check (length(external_id) <= 128),
      labels       jsonb not null default '{}' check (jsonb_typeof(labels) = 'object'),
      created_by   text collate "C" not null,
      created_at   timestamptz not null default clock_timestamp(),
      version      integer not null default 1,
      unique (account_id, id),
      unique (account_id, name_key),
      foreign key (account_id, profile_id) references profile (account_id, id),
      foreign key (account_id, team_id) references team (account_id, id),
      foreign key (account_id, created_by) references profile (account_id, id)
    )`.execute(db);
  await sql`create index service_account_team on service_account (account_id, team_id)`.execute(db);
  await sql`create index api_key_owner on api_key (account_id, owner_profile_id, id) where owner_profile_id is not null`.execute(
    db,
  );
}
