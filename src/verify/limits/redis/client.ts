import { isIP } from "node:net";
import type { Redis, RedisOptions } from "ioredis";
import type { RedisAddress } from "./address.ts";

/**
 * A connection to one Redis server that opens itself again. A command is sent at most once: the client never repeats one after a
 * lost connection, because Redis may have run it.
 */
export interface RedisClient {
  /**
   * Sends a command. The first one opens the connection. Fails if Redis replies an error, does not reply in time, or is not
   * connected.
   */
  command(name: string, ...values: readonly (string | number)[]): Promise<unknown>;
  close(): void;
}

const connectionClosed = "the connection to Redis was closed";
const keepAliveAfterMs = 10_000;
const maxReconnectAfterMs = 250;

/** Creates a client. It connects with its first command. */
export function createRedisClient(address: RedisAddress, timeoutMs: number): RedisClient {
  // Instances without Redis do not load the library, because it takes 20 MB of memory.
  const loaded = import("ioredis").then((library) =>
    clientOf(new library.Redis(optionsOf(address, timeoutMs)), timeoutMs),
  );
  return {
    command: async (name, ...values) => (await loaded).command(name, ...values),
    close: () => void loaded.then((client) => client.close()),
  };
}

function clientOf(redis: Redis, timeoutMs: number): RedisClient {
  let opening: Promise<unknown> | undefined;
  let closed = false;
  let failure = connectionClosed;

  redis.on("connect", () => {
    failure = connectionClosed;
  });
  // Without a listener, the library writes errors to the console.
  redis.on("error", (error: unknown) => {
    failure = describe(error);
    // Before the client is ready, an error means that Redis refused a command that opens the connection. After a refused SELECT,
    // the library would continue in database 0.
    if (redis.status === "connect") redis.disconnect(true);
  });

  function open(): Promise<unknown> | undefined {
    if (redis.status === "wait") {
      opening = redis.connect().finally(() => {
        opening = undefined;
      });
    }
    return opening;
  }

  return {
    async command(name, ...values) {
      if (closed) throw new Error("the Redis client is closed");
      try {
        await open();
        return await redis.call(name, [...values]);
      } catch (error) {
        // A new error, because that of the library has the arguments of the command, such as the password.
        if (isReply(error)) throw new Error(describe(error));
        throw new Error(isLate(error) ? `Redis did not reply within ${timeoutMs} ms` : failure);
      }
    },
    close() {
      closed = true;
      redis.disconnect();
    },
  };
}

function optionsOf(address: RedisAddress, timeoutMs: number): RedisOptions {
  const { host, port, tls, username, password, database } = address;
  return {
    ...{ host, port, db: database },
    ...(password !== "" && { password, ...(username !== "" && { username }) }),
    ...(tls && {
      tls: { minVersion: "TLSv1.2", rejectUnauthorized: true, ...(isIP(host) === 0 && { servername: host }) },
    }),
    lazyConnect: true,
    // No command waits for a connection, and none is sent again.
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    retryStrategy: (attempt) => Math.min(50 * attempt, maxReconnectAfterMs),
    connectTimeout: timeoutMs,
    commandTimeout: timeoutMs,
    // Without any reply in time, the link may be half open. The library closes it, and all its commands fail.
    socketTimeout: timeoutMs,
    disconnectTimeout: timeoutMs,
    keepAlive: keepAliveAfterMs,
    // Redis 5 has no RESP3. A user who may only run our commands needs neither INFO nor CLIENT.
    protocol: 2,
    enableReadyCheck: false,
    disableClientInfo: true,
  };
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return connectionClosed;
  // Redis repeats the arguments of a command that it does not know.
  if (commandOf(error) === "auth") return "Redis refused the user or the password";
  return isReply(error) ? `Redis replied: ${error.message}` : `no connection to Redis: ${error.message}`;
}

function isReply(error: unknown): boolean {
  return error instanceof Error && error.name === "ReplyError";
}

function isLate(error: unknown): boolean {
  return error instanceof Error && error.message === "Command timed out";
}

function commandOf(error: Error & { command?: { name?: unknown } }): unknown {
  return error.command?.name;
}
