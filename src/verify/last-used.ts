import { sql } from "kysely";
import type { Db } from "../db/connect.ts";
import type { Evaluation } from "./evaluate/evaluate.ts";

/** Records when tokens and sessions were last used, and writes that in the background. A crash loses at most one interval. */
export interface LastUsed {
  record(evaluation: Pick<Evaluation, "tokenId" | "sessionId">): void;
  /** Writes what is buffered. */
  flush(): Promise<void>;
  /** Stops the timer and writes the rest. */
  close(): Promise<void>;
}

// The rows of one statement. Encoding them blocks the event loop for about a millisecond.
const maxRows = 500;

/** Starts to record uses. A background job writes them every `intervalMs`. It reports a failed write and retries it. */
export function createLastUsed(db: Db, intervalMs: number, onError: (error: unknown) => void): LastUsed {
  let tokens = new Map<string, number>();
  let sessions = new Map<string, number>();
  let writing: Promise<void> = Promise.resolve();

  async function write(): Promise<void> {
    const [usedTokens, usedSessions] = [tokens, sessions];
    tokens = new Map();
    sessions = new Map();
    try {
      for (const rows of chunks(usedTokens)) await writeTokens(db, rows);
      for (const rows of chunks(usedSessions)) await writeSessions(db, rows);
    } catch (error) {
      // Uses since then are newer.
      tokens = new Map([...usedTokens, ...tokens]);
      sessions = new Map([...usedSessions, ...sessions]);
      throw error;
    }
  }

  function flush(): Promise<void> {
    writing = writing.catch(() => {}).then(write);
    return writing;
  }

  const timer = setInterval(() => flush().catch(onError), intervalMs);
  timer.unref();

  return {
    record({ tokenId, sessionId }) {
      if (tokenId !== undefined) tokens.set(tokenId, Date.now());
      if (sessionId !== undefined) sessions.set(sessionId, Date.now());
    },
    flush,
    async close() {
      clearInterval(timer);
      await flush().catch(onError);
    },
  };
}

// Each statement locks its rows in the order of their ids, so that two writers cannot deadlock.
function* chunks(used: Map<string, number>): Generator<[string, number][]> {
  let rows: [string, number][] = [];
  for (const row of used) {
    if (rows.push(row) < maxRows) continue;
    yield rows;
    rows = [];
  }
  if (rows.length > 0) yield rows;
}

async function writeTokens(db: Db, rows: [string, number][]): Promise<void> {
  const [ids, times] = columns(rows);
  await sql`
    insert into api_key_token_use (token_id, last_used_at)
    select t.id, to_timestamp(used.at / 1000.0)
    from unnest(${ids}::bigint[], ${times}::double precision[]) as used (id, at)
    join api_key_token t on t.id = used.id
    order by t.id
    on conflict (token_id) do update
      set last_used_at = greatest(api_key_token_use.last_used_at, excluded.last_used_at)`.execute(db);
}

async function writeSessions(db: Db, rows: [string, number][]): Promise<void> {
  const [ids, times] = columns(rows);
  await sql`
    insert into session_use (session_id, last_used_at)
    select s.id, to_timestamp(used.at / 1000.0)
    from unnest(${ids}::text[], ${times}::double precision[]) as used (id, at)
    join session s on s.id = used.id
    order by s.id
    on conflict (session_id) do update
      set last_used_at = greatest(session_use.last_used_at, excluded.last_used_at)`.execute(db);
}

function columns(rows: [string, number][]): [string[], number[]] {
  return [rows.map(([id]) => id), rows.map(([, at]) => at)];
}
