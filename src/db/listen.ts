import pg from "pg";

/** A connection that receives notifications. */
export interface Listener {
  /** The start time of its server. It identifies the server to the pool. */
  serverStart: string;
  /** Closes the connection at once, without a message to the server. */
  close(): void;
}

/** The events of a listener. */
export interface ListenHandlers {
  /** Called for every notification, in the order of the feed, synchronously when it is read. */
  onMessage(payload: string): void;
  /** Called once when the connection ends for any reason. Until then no notification was missed; after it, all are. */
  onLost(): void;
}

const connectTimeoutMs = 2_000;
const keepAliveAfterMs = 1_000;

/**
 * Connects and listens. Resolves once LISTEN is committed: the listener receives every later notification. Any error on the
 * connection ends it, because a server that reports an error may have skipped a notification.
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

// The SQLSTATE that LISTEN fails with on a standby.
function listensToStandby(): Error {
  return Object.assign(new Error("this server is a standby, which sends no notifications"), {
    code: "25006",
  });
}
