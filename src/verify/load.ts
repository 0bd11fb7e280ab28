import { sql } from "kysely";
import type { Db } from "../db/connect.ts";
import { withStatements } from "../db/statement-scope.ts";
import { type Credential, type CredentialRow, toCredential } from "./credential.ts";

/** What to load: a credential, and the workspace that its bearer wants to enter, if any. */
export interface Ask {
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

interface Row extends CredentialRow {
  workspace_id: string | null;
  workspace_account_id: string | null;
  workspace_live: boolean;
  now: Date;
  server: string;
}

/** How to load it. */
export interface LoadHow {
  /** After so many milliseconds the statement is cancelled. */
  limitMs: number;
}

/** Loads what some verdicts need: one statement, in autocommit, through the one view. Answers in the order asked. */
export function load(db: Db, asks: readonly Ask[], { limitMs }: LoadHow): Promise<Loaded[]> {
  return withStatements({ limitMs }, () => loadRows(db, asks));
}

async function loadRows(db: Db, asks: readonly Ask[]): Promise<Loaded[]> {
  // `limit 1` has each id looked up by itself: joined outright, Postgres would build the whole view first. `(select …)`
  // hides how many ids there are, so that the general plan never looks dearer than one made afresh for every call.
  const { rows } = await sql<Row>`
    select c.*, w.id as workspace_id, w.account_id as workspace_account_id,
      w.archived_at is null as workspace_live, clock_timestamp() as now,
      pg_postmaster_start_time()::text as server
    from unnest((select ${asks.map((ask) => ask.id)}::text[]), (select ${asks.map((ask) => ask.workspaceId)}::text[]))
      with ordinality as ask (id, workspace_id, position)
    left join lateral (select * from credential where credential.id = ask.id limit 1) c on true
    left join workspace w on w.id = ask.workspace_id
    order by ask.position`.execute(db);
  return rows.map((row) => ({
    credential: row.id === null ? undefined : toCredential(row),
    workspace:
      row.workspace_id === null || row.workspace_account_id === null
        ? undefined
        : { id: row.workspace_id, accountId: row.workspace_account_id, live: row.workspace_live },
    now: row.now,
    server: row.server,
  }));
}
