import { sql } from "kysely";
import type { Db } from "../../db/connect.ts";
import { type PrimaryProof, primaryProof } from "../../db/primary-proof.ts";
import type { AccountAccessJson } from "../../db/schema.ts";
import { withStatements } from "../../db/statement-scope.ts";
import { inTurns } from "../../domain/kernel/slices.ts";
import { type Credential, type CredentialRow, toCredentials } from "../evaluate/credential.ts";

/** What to load: a credential, and the workspace that its bearer wants to enter. An empty `workspaceId` means none. */
export interface LookupKey {
  id: string;
  workspaceId: string;
}

/** Everything that a verdict needs, as one statement read it. */
export interface Loaded {
  credential: Credential | undefined;
  /** The workspace of the lookup key. It may belong to any account. */
  workspace: { id: string; accountId: string; live: boolean } | undefined;
  /** The time of the database when it read the row. For an entry of the cache, the time of the database now, never late. */
  now: Date;
  /** The server that read the row, by the time at which it started. Unset for an entry of the cache. */
  server?: string;
}

interface Row extends Omit<CredentialRow, "id" | "openings">, PrimaryProof {
  position: string;
  id: string | null;
  /** All account accesses, if there are at most four. */
  openings: AccountAccessJson[] | null;
  /** One account access of many. Each has its own row, because a row is parsed without a pause. */
  opening: AccountAccessJson | null;
  workspace_id: string | null;
  workspace_account_id: string | null;
  workspace_live: boolean;
  now: Date;
}

/** How to load it. */
export interface LoadHow {
  /** The statement is cancelled after so many milliseconds. */
  limitMs: number;
  /** The server that is known to be the primary, if any. Any other server has to prove it by the statement itself. */
  primary: string | undefined;
}

// A user of more accounts is loaded as one row per account.
const fewOpenings = 4;

/**
 * Loads what some verdicts need, by one statement in autocommit through the view `credential`. Returns the results in
 * the order of the lookup keys. Processing of long lists pauses, so that the event loop gets its turns.
 */
export async function load(
  db: Db,
  lookupKeys: readonly LookupKey[],
  { limitMs, primary }: LoadHow,
): Promise<Loaded[]> {
  const results = resultsOf(await withStatements({ limitMs }, () => loadRows(db, lookupKeys, primary ?? "")));
  const found = results.flatMap(({ credential }) => credential ?? []);
  const credentials = (await inTurns(toCredentials(found))).values();
  return results.map(({ row, credential }) => ({
    credential: credential && credentials.next().value,
    workspace:
      row.workspace_id === null || row.workspace_account_id === null
        ? undefined
        : { id: row.workspace_id, accountId: row.workspace_account_id, live: row.workspace_live },
    now: row.now,
    server: row.server,
  }));
}

async function loadRows(db: Db, lookupKeys: readonly LookupKey[], primary: string): Promise<Row[]> {
  // `limit 1` makes Postgres look each id up by itself. With a plain join, it would build the whole view first. `(select …)`
  // hides the number of ids, so that the generic plan never seems more expensive than a plan made for every call.
  const { rows } = await sql<Row>`
    with here as materialized (${primaryProof(primary)})
    select ask.position, c.id, c.kind, c.system, c.environment, c.expires_at, c.disabled_at, c.revoked_at, c.user_id,
      c.last_used_at, c.tokens, case when o.opening is null then c.openings end as openings, o.opening,
      w.id as workspace_id, w.account_id as workspace_account_id, w.archived_at is null as workspace_live,
      clock_timestamp() as now, here.server
    from here cross join unnest((select ${lookupKeys.map((lookupKey) => lookupKey.id)}::text[]), (select ${lookupKeys.map((lookupKey) => lookupKey.workspaceId)}::text[]))
      with ordinality as ask (id, workspace_id, position)
    left join lateral (select * from credential where credential.id = ask.id limit 1) c on true
    left join lateral (
      select opening, place from jsonb_array_elements(c.openings) with ordinality as each (opening, place)
      where jsonb_array_length(c.openings) > ${sql.lit(fewOpenings)}
    ) o on true
    left join workspace w on w.id = ask.workspace_id
    order by ask.position, o.place`.execute(db);
  return rows;
}

interface Result {
  row: Row;
  credential: CredentialRow | undefined;
}

function resultsOf(rows: readonly Row[]): Result[] {
  const results: Result[] = [];
  for (const row of rows) {
    const { id, openings, opening } = row;
    const last = results.at(-1);
    if (opening !== null && last?.credential && last.row.position === row.position) {
      last.credential.openings.push(opening);
    } else {
      const all = openings ?? (opening === null ? [] : [opening]);
      results.push({ row, credential: id === null ? undefined : { ...row, id, openings: all } });
    }
  }
  return results;
}
