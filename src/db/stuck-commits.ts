import pg from "pg";

/** COMMITs without a response in time. They are never cancelled, so their backends run until the commit ends. */
export interface StuckCommits {
  /** Records that this process no longer waits for the COMMIT of a backend. */
  add(processId: number): void;
  /** Returns whether so many commits are stuck that no further transaction may begin. */
  tooMany(): boolean;
  stop(): void;
}

const checkMs = 500;
const checkTimeoutMs = 1_000;
// A database that cannot be queried for this long has lost these commits, or is unreachable anyway.
const rememberedMs = 60_000;

/**
 * Follows the stuck COMMITs of a pool: queries the server over a separate connection for the backends that still commit. At
 * most `max` may be stuck. Without this limit, a standby that does not confirm would block as many backends as the pool has
 * connections, and as many again every 2.5 s.
 */
export function createStuckCommits(connection: pg.ClientConfig, max: number): StuckCommits {
  const stuck = new Map<number, number>();
  let timer: NodeJS.Timeout | undefined;

  async function check(): Promise<void> {
    timer = undefined;
    try {
      const committing = await stillCommitting(connection, [...stuck.keys()]);
      for (const id of stuck.keys()) if (!committing.has(id)) stuck.delete(id);
    } catch {
      // The database cannot be queried now.
    }
    const oldest = performance.now() - rememberedMs;
    for (const [id, since] of stuck) if (since < oldest) stuck.delete(id);
    schedule();
  }

  function schedule(): void {
    if (stuck.size > 0) timer ??= setTimeout(check, checkMs).unref();
  }

  return {
    add(processId) {
      stuck.set(processId, performance.now());
      schedule();
    },
    tooMany: () => stuck.size >= max,
    stop() {
      clearTimeout(timer);
      stuck.clear();
    },
  };
}

async function stillCommitting(
  connection: pg.ClientConfig,
  processIds: readonly number[],
): Promise<Set<number>> {
  const client = new pg.Client({
    ...connection,
    connectionTimeoutMillis: checkTimeoutMs,
    query_timeout: checkTimeoutMs,
  });
  // The call that failed reports the failure.
  client.on("error", () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query<{ pid: number }>(
      "select pid from pg_stat_activity where pid = any ($1) and state = 'active' and query = 'commit'",
      [processIds],
    );
    return new Set(rows.map(({ pid }) => pid));
  } finally {
    void client.end();
  }
}
