import { sql } from "kysely";
import type { Db } from "../../../src/db/connect.ts";

// The exclusive locks that cover a change of a row: the lock of the row itself, or one that every change of the row
// needs. The owner of a key is a service account by its id, or a person by their profile.
const owner = `coalesce(
  (select s.id from service_account s where s.profile_id = r.owner_profile_id), r.owner_profile_id, '')`;
const keyOrPerson = `coalesce((select k.id from api_key k where k.profile_id = r.profile_id), r.profile_id)`;
const covers: Record<string, { scope: string; ids: string[] }> = {
  account: { scope: "r.id", ids: ["r.id"] },
  user: { scope: "r.id", ids: ["r.id"] },
  session: { scope: "r.user_id", ids: ["r.id"] },
  identity: { scope: "r.user_id", ids: ["r.user_id"] },
  role: { scope: "r.account_id", ids: ["r.id"] },
  team: { scope: "r.account_id", ids: ["r.id"] },
  service_account: { scope: "r.account_id", ids: ["r.id", "r.account_id"] },
  membership: { scope: "r.account_id", ids: ["r.profile_id", "r.account_id"] },
  guest: { scope: "r.account_id", ids: ["r.profile_id", "r.account_id"] },
  workspace: { scope: "r.account_id", ids: ["r.id"] },
  api_key: { scope: "r.account_id", ids: ["r.id", owner] },
  invite: { scope: "r.account_id", ids: ["r.id", "r.created_by", "r.account_id"] },
  api_key_token: { scope: "r.account_id", ids: ["r.api_key_id"] },
  workspace_grant: { scope: "r.account_id", ids: [keyOrPerson] },
  team_member: { scope: "r.account_id", ids: ["r.profile_id"] },
  team_role: { scope: "r.account_id", ids: ["r.account_id"] },
  // A new session of a key may take the place of an ended one.
  embed_session: { scope: "r.account_id", ids: ["r.id", "'embed sessions of ' || r.key_id"] },
  credit: { scope: "r.account_id", ids: ["r.id"] },
};

/** Starts to record every row that a transaction changes or deletes without an exclusive lock that covers it. */
export async function watchLocks(db: Db): Promise<{ unlocked(): Promise<string[]> }> {
  await sql`create table unlocked (change text)`.execute(db);
  for (const [table, { scope, ids }] of Object.entries(covers)) {
    const body = `
      declare
        r record := old;
      begin
        if not exists (
          select from pg_locks l
          where l.locktype = 'advisory' and l.pid = pg_backend_pid() and l.mode = 'ExclusiveLock' and l.granted
            and (l.classid::bigint << 32 | l.objid::bigint) in (
              select latchkey_lock_key(${scope}, one.id) from unnest(array[${ids.join(", ")}]) as one (id)
            )
        ) then
          insert into unlocked values (lower(tg_op) || ' of ${table}');
        end if;
        return case tg_op when 'DELETE' then old else new end;
      end`;
    const name = sql.id(`test_unlocked_${table}`);
    await sql`create function ${name}() returns trigger language plpgsql as ${sql.lit(body)}`.execute(db);
    await sql`
      create trigger test_unlocked before update or delete on ${sql.table(table)}
      for each row execute function ${name}()`.execute(db);
  }
  return {
    async unlocked() {
      const { rows } = await sql<{ change: string }>`delete from unlocked returning change`.execute(db);
      return [...new Set(rows.map((row) => row.change))].sort();
    },
  };
}
