import pg from "pg";
import { hashToken } from "../src/domain/kernel/token.ts";
import { keyToken } from "./keys.ts";

/** The contents of a filled database. */
export interface Fill {
  /** The number of keys to verify, in `keys / 100` accounts. */
  keys: number;
  /** The number of further keys, to rotate and revoke. Their numbers follow those of the others. */
  spares: number;
  /** The account of the further keys. */
  spareAccountId: string;
}

const keysPerAccount = 100;

/** The keys carry the labels `team-0` and so on, in turns. */
export const teams = 7;

/**
 * Fills a migrated database by SQL. Each account has a system profile and two workspaces. Each key has a profile and a
 * token, and is valid. A quarter of the keys may enter only one workspace. A third expire in a year. A tenth were rotated
 * once and also have the ended token. Needs Postgres 18 for `crc32`.
 */
export async function fill(url: string, { keys, spares, spareAccountId }: Fill): Promise<void> {
  const accounts = Math.max(1, Math.floor(keys / keysPerAccount));
  const clients = [await connect(url), await connect(url)];
  const [client, other] = clients as [pg.Client, pg.Client];
  try {
    // With the default, Postgres would stop for a checkpoint every few seconds.
    await client.query("alter system set max_wal_size = '8GB'");
    await client.query("select pg_reload_conf()");
    await client.query(accountRows(accounts));
    const half = Math.floor(keys / 2);
    const account = `'acct_' || pg_temp.ulid('acct', i % ${accounts})`;
    // Two statements at a time use both cores.
    await Promise.all([
      client.query(keyRows(0, half, account, accounts)),
      other.query(keyRows(half, keys, account, accounts)),
    ]);
    await client.query(keyRows(keys, keys + spares, client.escapeLiteral(spareAccountId), 0));
    await client.query("vacuum (analyze)");
    await client.query("alter system reset max_wal_size");
    await client.query("select pg_reload_conf()");
    await client.query("checkpoint");
    await check(client, [0, keys - 1, keys + spares - 1]);
  } finally {
    for (const one of clients) await one.end();
  }
}

/** Adds valid keys to one account of a filled database. Their numbers, `from` to `to - 1`, must be new. */
export async function addKeys(url: string, accountId: string, from: number, to: number): Promise<void> {
  const client = await connect(url);
  try {
    await client.query(keyRows(from, to, client.escapeLiteral(accountId), 0));
    await check(client, [from, to - 1]);
  } finally {
    await client.end();
  }
}

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, application_name: "bench fill" });
  // If the run is interrupted, the query reports the same error.
  client.on("error", () => undefined);
  await client.connect();
  // The references are correct by construction. Checking each would take longer than everything else.
  await client.query("set session_replication_role = replica; set synchronous_commit = off");
  await client.query(functions);
  return client;
}

// The same ids as in keys.ts, and the check of src/domain/kernel/token.ts. The casts `i::text` let Postgres inline the
// functions, because `text || bigint` is not immutable.
const functions = `
create function pg_temp.ulid(kind text, i bigint) returns text language sql immutable
  return lpad(to_hex(i), 10, '0') || substr(md5(kind || i::text), 1, 16);
create function pg_temp.digit(crc bigint, place bigint) returns text language sql immutable
  return substr('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz', (crc / place % 62)::int + 1, 1);`;

// The check is six digits in base62. The first digit counts 62 to the fifth.
const checksum = [5, 4, 3, 2, 1, 0].map((power) => `pg_temp.digit(crc, ${62 ** power})`).join(" || ");

function accountRows(accounts: number): string {
  const numbers = `generate_series(0, ${accounts - 1}) i`;
  return `
insert into account (id, name, labels, created_by)
select 'acct_' || pg_temp.ulid('acct', i), 'Account ' || i, '{"plan":"team"}', 'prof_' || pg_temp.ulid('system', i)
from ${numbers};
insert into profile (id, account_id, type, name)
select 'prof_' || pg_temp.ulid('system', i), 'acct_' || pg_temp.ulid('acct', i), 'system', 'system'
from ${numbers};
insert into workspace (id, account_id, name, created_by)
select 'ws_' || pg_temp.ulid('workspace' || n, i), 'acct_' || pg_temp.ulid('acct', i), 'Workspace ' || n,
  'prof_' || pg_temp.ulid('system', i)
from ${numbers}, generate_series(0, 1) n`;
}

// Ids begin with a time, which is in 1970 here. So keys that the bench creates later come after all of these.
function keyRows(from: number, to: number, account: string, accounts: number): string {
  if (to <= from) return "select";
  const numbers = `generate_series(${from}::bigint, ${to - 1}) i`;
  const selected = accounts > 0 ? "i % 4 = 0" : "false";
  return `
insert into profile (id, account_id, type, name)
select 'prof_' || pg_temp.ulid('key', i), ${account}, 'api_key', 'Key ' || i
from ${numbers};
insert into api_key (id, account_id, profile_id, name, labels, kind, environment, workspace_scope, permissions,
  created_by, created_at, expires_at)
select 'key_' || pg_temp.ulid('key', i), ${account}, 'prof_' || pg_temp.ulid('key', i), 'Key ' || i,
  jsonb_build_object('team', 'team-' || i % ${teams}), 'application', 'live',
  case when ${selected} then 'selected' else 'all' end, array['agents:read', 'agents:write'],
  'prof_' || pg_temp.ulid('key', i), now() - interval '1 day',
  case when i % 3 = 0 then now() + interval '1 year' end
from ${numbers};
insert into workspace_grant (account_id, workspace_id, profile_id, created_by)
select ${account}, 'ws_' || pg_temp.ulid('workspace' || i / 4 % 2, i % ${accounts || 1}),
  'prof_' || pg_temp.ulid('key', i), 'prof_' || pg_temp.ulid('key', i)
from ${numbers} where ${selected};
insert into api_key_token (account_id, api_key_id, hash, hint, ends_at)
select ${account}, 'key_' || pg_temp.ulid('key', i), sha256(convert_to(start || 'ended', 'UTF8')), start, now()
from ${numbers}, lateral (select 'lk_live_' || pg_temp.ulid('key', i) as start) s where i % 10 = 0;
insert into api_key_token (account_id, api_key_id, hash, hint)
select ${account}, 'key_' || pg_temp.ulid('key', i), sha256(convert_to(token, 'UTF8')),
  'lk_live_' || pg_temp.ulid('key', i) || '…' || right(token, 4)
from ${numbers},
  lateral (select 'lk_live_' || pg_temp.ulid('key', i) || md5('secret' || i) as start offset 0) s,
  lateral (select crc32(convert_to(start, 'UTF8')) as crc offset 0) c,
  lateral (select start || ${checksum} as token offset 0) t`;
}

async function check(client: pg.Client, indexes: number[]): Promise<void> {
  const hashes = indexes.map((index) => hashToken(keyToken(index)));
  const { rowCount } = await client.query("select 1 from api_key_token where hash = any ($1)", [hashes]);
  if (rowCount !== new Set(indexes).size) throw new Error("SQL and JavaScript derive different tokens");
}
