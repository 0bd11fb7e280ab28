import { type RawBuilder, sql } from "kysely";
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
      for (const rows of chunks(usedTokens)) await writeUses(db, tokenUses, rows);
      for (const rows of chunks(usedSessions)) await writeUses(db, sessionUses, rows);
    } catch (error) {
      // The times that were recorded meanwhile are newer, so they win.
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

function* chunks(used: Map<string, number>): Generator<[string, number][]> {
  let rows: [string, number][] = [];
  for (const row of used) {
    if (rows.push(row) < maxRows) continue;
    yield rows;
    rows = [];
  }
  if (rows.length > 0) yield rows;
}

/** A table of last uses, its column of ids, the table that has these ids, and their type. */
interface UseTable {
  uses: "api_key_token_use" | "session_use";
  column: string;
  records: string;
  idType: RawBuilder<unknown>;
}

const tokenUses: UseTable = {
  uses: "api_key_token_use",
  column: "token_id",
  records: "api_key_token",
  idType: sql`bigint[]`,
};
const sessionUses: UseTable = {
  uses: "session_use",
  column: "session_id",
  records: "session",
  idType: sql`text[]`,
};

// The statement locks its rows in the order of their ids, so that two writers cannot deadlock. The join skips records that
// were deleted meanwhile.
async function writeUses(
  db: Db,
  { uses, column, records, idType }: UseTable,
  rows: [string, number][],
): Promise<void> {
  const ids = rows.map(([id]) => id);
  const times = rows.map(([, at]) => at);
  await sql`
    insert into ${sql.table(uses)} as stored (${sql.ref(column)}, last_used_at)
    select record.id, to_timestamp(used.at / 1000.0)
    from unnest(${ids}::${idType}, ${times}::double precision[]) as used (id, at)
    join ${sql.table(records)} record on record.id = used.id
    order by record.id
    on conflict (${sql.ref(column)}) do update
      set last_used_at = greatest(stored.last_used_at, excluded.last_used_at)`.execute(db);
}
