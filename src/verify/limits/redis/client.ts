import { connect as connectPlain, isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import type { RedisAddress } from "./address.ts";
import { createReplyReader, encodeCommand, isError, type Reply } from "./resp.ts";

/**
 * A connection to one Redis server that opens itself again. A command is sent at most once: the client never repeats one after a
 * lost connection, because Redis may have run it.
 */
export interface RedisClient {
  /** Sends a command. Fails if Redis replies an error, cannot be reached, or does not reply in time. */
  command(parts: readonly (string | number)[]): Promise<Reply>;
  close(): void;
}

interface Pending {
  resolve(reply: Reply): void;
  reject(error: Error): void;
}

interface Connection {
  send(parts: readonly (string | number)[]): Promise<Reply>;
  isOpen(): boolean;
  end(): void;
}

const keepAliveAfterMs = 10_000;

/** Creates a client. It connects with its first command. */
export function createRedisClient(address: RedisAddress, timeoutMs: number): RedisClient {
  let connection: Connection | undefined;
  let closed = false;

  return {
    async command(parts) {
      if (closed) throw new Error("the Redis client is closed");
      if (!connection?.isOpen()) {
        connection = openConnection(address, timeoutMs);
        greet(connection, address);
      }
      const reply = await connection.send(parts);
      if (isError(reply)) throw new Error(`Redis replied: ${reply.error}`);
      return reply;
    },
    close() {
      closed = true;
      connection?.end();
    },
  };
}

// The replies arrive in the order of the commands, so nothing has to wait for these. If Redis refuses them, the connection ends.
function greet(connection: Connection, { username, password, database }: RedisAddress): void {
  const greetings: (string | number)[][] = [];
  if (password !== "") greetings.push(username === "" ? ["AUTH", password] : ["AUTH", username, password]);
  if (database !== 0) greetings.push(["SELECT", database]);
  for (const greeting of greetings) {
    connection.send(greeting).then(
      (reply) => isError(reply) && connection.end(),
      () => {},
    );
  }
}

function openConnection({ host, port, tls }: RedisAddress, timeoutMs: number): Connection {
  const socket: Socket = tls
    ? connectTls({ host, port, minVersion: "TLSv1.2", ...(isIP(host) === 0 && { servername: host }) })
    : connectPlain({ host, port });
  socket.setNoDelay(true);
  socket.setKeepAlive(true, keepAliveAfterMs);
  // A connection to Redis never keeps the process alive.
  socket.unref();
  const reader = createReplyReader();
  const pending: Pending[] = [];
  let open = true;

  function end(error: Error): void {
    if (!open) return;
    open = false;
    socket.destroy();
    for (const { reject } of pending.splice(0)) reject(error);
  }

  socket.on("data", (piece: Buffer) => {
    try {
      for (const reply of reader.push(piece)) pending.shift()?.resolve(reply);
    } catch (error) {
      end(error instanceof Error ? error : new Error(String(error)));
    }
  });
  socket.on("error", (error: Error) => end(error));
  socket.on("close", () => end(new Error("the connection to Redis was closed")));

  return {
    isOpen: () => open,
    end: () => end(new Error("the connection to Redis was closed")),
    send(parts) {
      return new Promise((resolve, reject) => {
        // Without a reply in time, the link may be half open. Later replies could not be matched to commands either.
        const timer = setTimeout(
          () => end(new Error(`Redis did not reply within ${timeoutMs} ms`)),
          timeoutMs,
        );
        const settled =
          <T>(then: (value: T) => void) =>
          (value: T) => {
            clearTimeout(timer);
            then(value);
          };
        pending.push({ resolve: settled(resolve), reject: settled(reject) });
        socket.write(encodeCommand(parts));
      });
    },
  };
}
