import { type FaultyProxy, startProxy } from "../test/support/database/proxy.ts";
import { type Child, startChild } from "./child.ts";

/** A real server in its own process. Its connections to the database go through proxies that can fail. */
export interface Instance extends AsyncDisposable, Omit<Child, "end"> {
  /** The proxy of the change feed. */
  feed: FaultyProxy;
  /** The proxy of all other connections. */
  pool: FaultyProxy;
}

/**
 * Starts an instance. `server` is the arguments of node. Calls carry the token `bearer`. If the process is started again, it
 * listens on the same port, so that its guards find it.
 */
export async function startInstance(
  server: readonly string[],
  databaseUrl: string,
  bearer: string,
): Promise<Instance> {
  const [feed, pool] = [await startProxy(databaseUrl), await startProxy(databaseUrl)];
  const child = await startChild(server, bearer, (port) => ({
    LATCHKEY_PORT: String(port),
    LATCHKEY_DATABASE_URL: pool.url,
    LATCHKEY_DATABASE_LISTEN_URL: feed.url,
    LATCHKEY_LOG_LEVEL: "fatal",
  }));
  return {
    feed,
    pool,
    ...child,
    async [Symbol.asyncDispose]() {
      await child.end();
      await Promise.all([feed.close(), pool.close()]);
    },
  };
}
