import { type Kysely, sql } from "kysely";

export const oldestServer = 12;

// In the order in which rows are locked. A row is found within its account or user only, so that no request locks what
// belongs to another one.
const tables: Record<string, string> = {
  account: "id = one.id",
  user: "id = one.id",
  session: "id = one.id and user_id = one.scope",
  identity: "id = one.id",
  role: "id = one.id and account_id = one.scope",
  team: "id = one.id and account_id = one.scope",
  service_account: "id = one.id and account_id = one.scope",
  membership: "profile_id = one.id and account_id = one.scope",
  guest: "profile_id = one.id and account_id = one.scope",
  workspace: "id = one.id and account_id = one.scope",
  api_key: "id = one.id and account_id = one.scope",
  invite: "id = one.id and account_id = one.scope",
};

// From the weakest to the strongest; the last two are exclusive.
const modes = ["key share", "share", "no key update", "update"];

/**
 * The first statement of a change. Locks the rows of its caller and of what it changes, in one order and each once, then
 * reads the caller's credential through the view of verification. Each statement in the function has its own snapshot, so
 * the read sees everything that committed before the last lock was granted.
 *
 * In Postgres, new share locks of a row overtake a writer that waits for it. Advisory locks are granted in order. So each
 * row lock is preceded by an advisory lock of the same row: shared, or exclusive for a writer. A name without a row
 * (`owners`) has the advisory lock only.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await createLockKey(db);
  const lockRow = Object.entries(tables)
    .map(([table, condition]) => {
      const quoted = JSON.stringify(table);
      const lock = (mode: string) => `perform from ${quoted} where ${condition} for ${mode};`;
      const cases = modes.map((mode, index) => `when ${index + 1} then ${lock(mode)}`);
      return `when '${table}' then case one.mode ${cases.join("\n")} end case;`;
    })
    .join("\n");
  const order = Object.keys(tables).map((table) => `'${table}'`);
  const body = `
    declare
      one record;
    begin
      -- A service key knows the profile of its service account.
      if 'service_account' = any (tables) then
        ids := array(
          select case when named.tbl = 'service_account' then coalesce((
            select s.id from service_account s where s.account_id = named.scope and s.profile_id = named.id
          ), named.id) else named.id end
          from unnest(tables, scopes, ids) with ordinality as named (tbl, scope, id, position)
          order by position
        );
      end if;
      for one in
        select latchkey_lock_key(named.scope, named.id) as key, bool_or(named.mode > 2) as exclusive
        from unnest(scopes, ids, modes) as named (scope, id, mode)
        group by 1
        order by 1
      loop
        if one.exclusive then perform pg_advisory_xact_lock(one.key);
        else perform pg_advisory_xact_lock_shared(one.key);
        end if;
      end loop;
      for one in
        select named.tbl, named.scope, named.id, max(named.mode) as mode
        from unnest(tables, scopes, ids, modes) as named (tbl, scope, id, mode)
        where named.tbl <> 'owners'
        group by named.tbl, named.scope, named.id
        order by array_position(array[${order.join(", ")}], named.tbl), named.scope, named.id
      loop
        case one.tbl
          ${lockRow}
        end case;
      end loop;
      return jsonb_build_object(
        'credential', (select to_jsonb(c) from credential c where c.id = bearer limit 1),
        'now', clock_timestamp()
      );
    end`;
  await sql`
    create function latchkey_authority(bearer text, tables text[], scopes text[], ids text[], modes integer[])
    returns jsonb language plpgsql as ${sql.lit(body)}`.execute(db);
}

// The key depends on a secret of this database, so no client can name a row of its own whose lock is that of another one.
async function createLockKey(db: Kysely<unknown>): Promise<void> {
  const { rows } = await sql<{ secret: string }>`select gen_random_uuid()::text as secret`.execute(db);
  const secret = rows.map((row) => row.secret).join();
  const body = `
    select ('x' || left(encode(sha256(convert_to('${secret} ' || scope || ' ' || id, 'UTF8')), 'hex'), 16))::bit(64)::bigint`;
  await sql`
    create function latchkey_lock_key(scope text, id text) returns bigint
    language sql immutable strict parallel safe as ${sql.lit(body)}`.execute(db);
}
