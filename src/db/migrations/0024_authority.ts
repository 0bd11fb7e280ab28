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
 * The function of 0017. It looks for the access to an account in the rows of the bearer's own kind only, because Postgres
 * prepares every part of a plan for each execution.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
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
      seen jsonb;
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
      if bearer is not null then
        select to_jsonb(b) || jsonb_build_object(
          'accounts', (
            select jsonb_agg(known) from jsonb_array_elements(b.accounts) as known
            where known ->> 'account_id' = account
          ),
          'openings', case when a.opening is null then b.openings else jsonb_build_array(a.opening) end
        )
        into seen
        from bearer b
        -- \`offset 0\` makes Postgres call the function once.
        left join lateral (
          select latchkey_bearer_access(b.kind, b.id, account) as opening offset 0
        ) a on b.accounts is not null
        where b.id = latchkey_authority.bearer
        limit 1;
      end if;
      return jsonb_build_object('credential', seen, 'now', clock_timestamp());
    end`;
  await sql`
    create or replace function latchkey_authority(
      bearer text, account text, tables text[], scopes text[], ids text[], modes integer[]
    )
    returns jsonb language plpgsql as ${sql.lit(body)}`.execute(db);
}
