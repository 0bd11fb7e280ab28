import { sql } from "kysely";
import type { Db } from "../../db/connect.ts";
import { type PrimaryProof, primaryProof } from "../../db/primary-proof.ts";
import type { AccountAccessJson } from "../../db/schema.ts";
import { withStatements } from "../../db/statement-scope.ts";
import { inTurns } from "../../domain/kernel/slices.ts";
import { type Credential, type CredentialRow, toCredentials } from "../evaluate/credential.ts";

/** What to load: a credential, and the workspace that its bearer wants to enter, if any. */
export interface LookupKey {
  id: string;
  workspaceId: string;
}

/** Everything that a verdict needs, as one statement saw it. */
export interface Loaded {
  credential: Credential | undefined;
  /** The workspace that was asked for, whatever account it belongs to. */
  workspace: { id: string; accountId: string; live: boolean } | undefined;
  /** The time of the database when it looked, or for what comes from memory its time now, never late. */
  now: Date;
  /** Which server looked: when it started. Unset for what comes from memory. */
  server?: string;
}

interface Row extends Omit<CredentialRow, "id" | "openings">, PrimaryProof {
  position: string;
  id: string | null;
  /** All of them, where they are few. */
  openings: AccountAccessJson[] | null;
  /** One of many: each has a row of its own, since a row is parsed in one go. */
  opening: AccountAccessJson | null;
  workspace_id: string | null;
  workspace_account_id: string | null;
  workspace_live: boolean;
  now: Date;
}

/** How to load it. */
export interface LoadHow {
  /** After so many milliseconds the statement is cancelled. */
  limitMs: number;
  /** The server that is known to be the primary, if any is. Any other has to prove it, by the statement itself. */
  primary: string | undefined;
}

// A user who belongs to more accounts is loaded account by account.
const fewOpenings = 4;

/**
 * Loads what some verdicts need: one statement, in autocommit, through the one view. Answers in the order asked. Long
 * lists take their time, in which the event loop turns.
 */
export async function load(
  db: Db,
  lookupKeys: readonly LookupKey[],
  { limitMs, primary }: LoadHow,
): Promise<Loaded[]> {
  const answers = answersOf(await withStatements({ limitMs }, () => loadRows(db, lookupKeys, primary ?? "")));
  const found = answers.flatMap(({ credential }) => credential ?? []);
  const credentials = (await inTurns(toCredentials(found))).values();
  return answers.map(({ row, credential }) => ({
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
  // `limit 1` has each id looked up by itself: joined outright, Postgres would build the whole view first. `(select …)`
  // hides how many ids there are, so that the general plan never looks dearer than one made afresh for every call.
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

interface Answer {
  row: Row;
  credential: CredentialRow | undefined;
}

function answersOf(rows: readonly Row[]): Answer[] {
  const answers: Answer[] = [];
  for (const row of rows) {
    const { id, openings, opening } = row;
    const last = answers.at(-1);
    if (opening !== null && last?.credential && last.row.position === row.position) {
      last.credential.openings.push(opening);
    } else {
      const all = openings ?? (opening === null ? [] : [opening]);
      answers.push({ row, credential: id === null ? undefined : { ...row, id, openings: all } });
    }
  }
  return answers;
}
