import pg from "pg";

/** COMMITs that the server did not answer in time. They are never cancelled, so their backends stay until they end. */
export interface StuckCommits {
  /** The COMMIT of this backend was given up. */
  add(processId: number): void;
  /** Whether so many are stuck that no further transaction may begin. */
  tooMany(): boolean;
  stop(): void;
}

const checkMs = 500;
const checkTimeoutMs = 1_000;
// A database that cannot be asked for so long has lost them, or is not reached anyway.
const rememberedMs = 60_000;

/**
 * Follows the stuck COMMITs of a pool: asks the server, on a connection of its own, which of their backends still commit.
 * Without a bound, a standby that does not confirm would let abandoned backends pile up, a pool's worth every 2.5 s.
 */
export function createStuckCommits(connection: pg.ClientConfig, most: number): StuckCommits {
  const stuck = new Map<number, number>();
  let timer: NodeJS.Timeout | undefined;

  async function check(): Promise<void> {
    timer = undefined;
    try {
      const committing = await stillCommitting(connection, [...stuck.keys()]);
      for (const id of stuck.keys()) if (!committing.has(id)) stuck.delete(id);
    } catch {
      // The database cannot be asked now.
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
    tooMany: () => stuck.size >= most,
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
