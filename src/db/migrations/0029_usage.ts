import { type Kysely, sql } from "kysely";

export const oldestServer = 12;

// Partitions are made this many days ahead.
const aheadDays = 21;

/**
 * Counts of verifications: per key, hour and verdict, and the same for a whole account. Their partitions are weeks that begin
 * on Monday in UTC. No table here has triggers of the change feed, because no verdict depends on it. The partitioned tables
 * have no foreign key to `api_key`: their partitions could be added and dropped only under a lock that stops changes of keys.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table key_usage (
      account_id  text collate "C" not null,
      api_key_id  text collate "C" not null,
      hour        timestamptz not null,
      verdict     text collate "C" not null,
      count       bigint not null check (count > 0),
      primary key (account_id, api_key_id, hour, verdict)
    ) partition by range (hour)`.execute(db);
  await sql`
    create table account_usage (
      account_id   text collate "C" not null,
      hour         timestamptz not null,
      environment  text collate "C" not null check (environment in ('', 'test', 'live')),
      verdict      text collate "C" not null,
      count        bigint not null check (count > 0),
      primary key (account_id, hour, environment, verdict)
    ) partition by range (hour)`.execute(db);
  // Tokens that no key has, by the account of the verifier. At most a bounded number of networks per hour has its own row.
  await sql`
    create table unknown_token_usage (
      account_id  text collate "C" not null references account (id),
      hour        timestamptz not null,
      network     text collate "C" not null,
      count       bigint not null check (count > 0),
      primary key (account_id, hour, network)
    )`.execute(db);
  await sql`create index unknown_token_usage_hour on unknown_token_usage (hour)`.execute(db);
  // The networks from which a key was used, with the last day.
  await sql`
    create table key_network (
      account_id  text collate "C" not null,
      api_key_id  text collate "C" not null,
      network     text collate "C" not null,
      seen_on     date not null,
      primary key (api_key_id, network),
      foreign key (account_id, api_key_id) references api_key (account_id, id)
    )`.execute(db);
  await sql`create index key_network_seen on key_network (seen_on)`.execute(db);
  await sql`create index key_network_account on key_network (account_id)`.execute(db);
  // The batches that were recorded, so that a repeat counts nothing twice.
  await sql`
    create table usage_batch (
      id           text collate "C" primary key,
      recorded_at  timestamptz not null default clock_timestamp()
    )`.execute(db);
  await sql`create index usage_batch_time on usage_batch (recorded_at)`.execute(db);
  // The signals of a day, so that there is at most one of each per key.
  await sql`
    create table usage_signal (
      account_id  text collate "C" not null,
      api_key_id  text collate "C" not null,
      signal      text collate "C" not null,
      day         date not null,
      primary key (api_key_id, signal, day),
      foreign key (account_id, api_key_id) references api_key (account_id, id)
    )`.execute(db);
  await sql`create index usage_signal_day on usage_signal (day)`.execute(db);
  await sql`create index usage_signal_account on usage_signal (account_id)`.execute(db);
  // The day has an index, and the time has none. So most updates change no column that has an index.
  await sql`
    alter table api_key_token_use
      add column client_address text,
      add column client_address_day date,
      add constraint api_key_token_use_address check ((client_address is null) = (client_address_day is null))
  `.execute(db);
  await sql`
    create index api_key_token_use_address_day on api_key_token_use (client_address_day)
      where client_address_day is not null`.execute(db);
  await sql`create index audit_event_method on audit_event (account_id, method, id)`.execute(db);
  await createPartitions(db);
}

async function createPartitions(db: Kysely<unknown>): Promise<void> {
  // A new partition is attached, because `partition of` would lock the whole table.
  const add = `
    declare
      parent text;
      week date;
      name text;
    begin
      perform pg_advisory_xact_lock(hashtext('latchkey_add_usage_weeks'));
      foreach parent in array array['key_usage', 'account_usage'] loop
        for week in
          select generate_series(date_trunc('week', first_day), last_day, interval '1 week')::date
        loop
          name := parent || to_char(week, '_YYYYMMDD');
          continue when to_regclass(quote_ident(name)) is not null;
          execute format('create table %I (like %I including all)', name, parent);
          execute format('alter table %I attach partition %I for values from (%L) to (%L)', parent, name,
            to_char(week, 'YYYY-MM-DD 00:00:00+00'), to_char(week + 7, 'YYYY-MM-DD 00:00:00+00'));
        end loop;
      end loop;
    end`;
  await sql`
    create function latchkey_add_usage_weeks(first_day timestamp, last_day timestamp) returns void
    language plpgsql as ${sql.lit(add)}`.execute(db);
  // Drops one week at a time, so that its locks are short. Returns its name, or null if none is left.
  const drop = `
    declare
      name text;
    begin
      perform set_config('lock_timeout', '500ms', true);
      select child.relname into name
      from pg_inherits
      join pg_class child on child.oid = inhrelid
      where inhparent in ('key_usage'::regclass, 'account_usage'::regclass)
        and to_date(right(child.relname, 8), 'YYYYMMDD') + 7 <= before
      order by right(child.relname, 8), child.relname
      limit 1;
      if name is not null then execute format('drop table if exists %I', name); end if;
      return name;
    end`;
  await sql`
    create function latchkey_drop_usage_week(before timestamp) returns text
    language plpgsql as ${sql.lit(drop)}`.execute(db);
  await sql`
    select latchkey_add_usage_weeks(
      (clock_timestamp() at time zone 'utc') - interval '2 days',
      (clock_timestamp() at time zone 'utc') + ${sql.lit(`${aheadDays} days`)}::interval
    )`.execute(db);
}
