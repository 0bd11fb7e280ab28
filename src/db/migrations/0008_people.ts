import { type Kysely, sql } from "kysely";

export const oldestServer = 8;

/** Invites, mailed single-use tokens, outside identities, and the ends of users and accounts. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    alter table "user"
      alter column email drop not null,
      alter column password_hash drop not null,
      add column email_proven_at  timestamptz,
      add column deleted_at       timestamptz,
      add check (deleted_at is null or (email is null and password_hash is null))`.execute(db);
  // Outlives the membership, so that who is erased is erased in the accounts that they left, too.
  await sql`alter table profile add column user_id text collate "C" references "user" (id)`.execute(db);
  await sql`
    update profile set user_id = membership.user_id from membership
    where membership.profile_id = profile.id`.execute(db);
  await sql`create index profile_user on profile (user_id) where user_id is not null`.execute(db);
  await sql`
    alter table account
      add column deleted_at  timestamptz,
      add column delete_at   timestamptz,
      add check ((deleted_at is null) = (delete_at is null)),
      add check (not (platform and deleted_at is not null))`.execute(db);
  await sql`
    create table identity (
      issuer      text not null,
      subject     text not null check (length(subject) between 1 and 255),
      user_id     text collate "C" not null references "user" (id) on delete cascade,
      created_at  timestamptz not null default clock_timestamp(),
      primary key (issuer, subject)
    )`.execute(db);
  await sql`create index identity_user on identity (user_id)`.execute(db);
  await sql`
    create table otp (
      id          text collate "C" primary key,
      user_id     text collate "C" not null references "user" (id),
      purpose     text not null check (purpose in ('reset_password', 'prove_email')),
      email       text not null,
      hash        bytea not null unique check (length(hash) = 32),
      created_at  timestamptz not null default clock_timestamp(),
      expires_at  timestamptz not null,
      used_at     timestamptz
    )`.execute(db);
  await sql`create index otp_user on otp (user_id)`.execute(db);
  await sql`
    create table invite (
      id             text collate "C" primary key,
      account_id     text collate "C" not null references account (id),
      email          text not null check (email = lower(email) and length(email) <= 254),
      role_id        text collate "C",
      workspace_ids  text[] not null default '{}',
      hash           bytea not null unique check (length(hash) = 32),
      mailed         boolean not null,
      created_by     text collate "C" not null,
      created_at     timestamptz not null default clock_timestamp(),
      expires_at     timestamptz not null,
      accepted_at    timestamptz,
      accepted_by    text collate "C",
      revoked_at     timestamptz,
      unique (account_id, id),
      check (accepted_at is null or revoked_at is null),
      check ((accepted_at is null) = (accepted_by is null)),
      -- Only an ended invite survives its role.
      check (role_id is not null or accepted_at is not null or revoked_at is not null),
      foreign key (account_id, role_id) references role (account_id, id),
      foreign key (account_id, created_by) references profile (account_id, id),
      foreign key (account_id, accepted_by) references profile (account_id, id)
    )`.execute(db);
  await sql`create index invite_role on invite (account_id, role_id)`.execute(db);
  await sql`create index invite_maker on invite (account_id, created_by)`.execute(db);
}
