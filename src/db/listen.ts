import pg from "pg";

/** A connection that listens. */
export interface Listener {
  /** When the server that it is connected to started: by this its pool and its listener know each other. */
  serverStart: string;
  /** Ends it at once, without a word to the server. */
  close(): void;
}

/** What a listener tells. */
export interface ListenHandlers {
  /** Called for every notification, in the order of the feed, synchronously as it is read. */
  onMessage(payload: string): void;
  /** Called once when the connection is over, for whatever reason. Nothing was missed before; everything is from now on. */
  onLost(): void;
}

const connectTimeoutMs = 2_000;
const keepAliveAfterMs = 1_000;

/**
 * Connects and listens. Resolves once LISTEN has been committed: whatever commits later will be told. Any error on the
 * connection ends it, because a server that reports one may have skipped a notification.
 */
export async function openListener(
  url: string,
  channels: readonly string[],
  handlers: ListenHandlers,
): Promise<Listener> {
  const client = new pg.Client({
    connectionString: url,
    application_name: "latchkey feed",
    connectionTimeoutMillis: connectTimeoutMs,
    query_timeout: connectTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: keepAliveAfterMs,
  });
  let over = false;
  function end(): void {
    if (over) return;
    over = true;
    client.connection.stream.destroy();
    handlers.onLost();
  }
  client.on("error", end);
  client.on("end", end);
  client.on("notification", ({ payload }) => {
    if (!over) handlers.onMessage(payload ?? "");
  });
  try {
    await client.connect();
    for (const channel of channels) await client.query(`listen ${client.escapeIdentifier(channel)}`);
    const { rows } = await client.query<{ start: string; recovering: boolean }>(
      "select pg_postmaster_start_time()::text as start, pg_is_in_recovery() as recovering",
    );
    const [row] = rows;
    if (!row || row.recovering) throw listensToStandby();
    return { serverStart: row.start, close: end };
  } catch (error) {
    end();
    throw error;
  }
}

// LISTEN fails on a standby with the same SQLSTATE.
function listensToStandby(): Error {
  return Object.assign(new Error("this server is a standby: it tells of no changes"), { code: "25006" });
}
