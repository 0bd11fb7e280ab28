import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import pg from "pg";

/** A pooler in transaction mode that does not support named statements, like PgBouncer before 1.21. */
export interface Pooler {
  /** The URL of the database through the pooler. */
  url: string;
  close(): Promise<void>;
}

const sslRequest = 80_877_103;
const readyForQuery = "Z".charCodeAt(0);
const idle = "I".charCodeAt(0);
// The messages AuthenticationOk and ReadyForQuery outside of a transaction.
const welcome = Buffer.from([82, 0, 0, 0, 8, 0, 0, 0, 0, readyForQuery, 0, 0, 0, 5, idle]);
const terminate = "X".charCodeAt(0);

/** Starts a pooler on a free port of loopback. All its clients share one server connection in turns. */
export async function startPooler(databaseUrl: string): Promise<Pooler> {
  const backend = new pg.Client({ connectionString: databaseUrl });
  backend.on("error", () => undefined);
  await backend.connect();
  // From now on the pooler itself uses the connection, and pg receives nothing more from it.
  const upstream = backend.connection.stream as Socket;
  upstream.removeAllListeners("data");
  const clients = new Set<Socket>();
  const waiting: { client: Socket; bytes: Buffer }[] = [];
  let owner: Socket | undefined;

  function next(): void {
    const [first] = waiting;
    if (owner || !first) return;
    owner = first.client;
    for (const one of waiting.splice(0)) {
      if (one.client === owner) upstream.write(one.bytes);
      else waiting.push(one);
    }
  }

  const messages = createMessages((type, bytes) => {
    if (owner?.writable) owner.write(bytes);
    if (type !== readyForQuery || bytes[5] !== idle) return;
    owner = undefined;
    next();
  });
  upstream.on("data", messages);

  const server = createServer((client) => {
    clients.add(client);
    client.on("error", () => undefined).on("close", () => clients.delete(client));
    client.once("data", (startup) => {
      if (startup.readInt32BE(4) === sslRequest) return void client.destroy();
      client.write(welcome);
      client.on(
        "data",
        createMessages((type, bytes) => {
          if (type === terminate) return;
          if (owner === client) upstream.write(bytes);
          else waiting.push({ client, bytes });
          next();
        }),
      );
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the pooler has no port");
  const url = new URL(databaseUrl);
  url.host = `127.0.0.1:${address.port}`;
  return {
    url: url.href,
    async close() {
      for (const client of clients) client.destroy();
      server.close();
      upstream.destroy();
    },
  };
}

/** Splits bytes into messages of the protocol: a type, then the length of the rest. */
function createMessages(onMessage: (type: number, bytes: Buffer) => void): (data: Buffer) => void {
  let rest = Buffer.alloc(0);
  return (data) => {
    rest = Buffer.concat([rest, data]);
    while (rest.length >= 5) {
      const length = 1 + rest.readInt32BE(1);
      if (rest.length < length) return;
      const message = rest.subarray(0, length);
      rest = rest.subarray(length);
      onMessage(message[0] ?? 0, message);
    }
  };
}
