import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

/** A proxy before a database whose target can change. Like a load balancer, it may keep or cut old sessions. */
export interface Switch extends AsyncDisposable {
  /** The URL of the database through the switch. */
  url: string;
  /** Leads new connections to this database from now on. */
  leadTo(databaseUrl: string): void;
  /** Breaks every connection. */
  cut(): void;
  /** Returns the number of open connections that lead to an earlier target. */
  kept(): number;
}

/** Starts a switch on a free port of loopback. */
export async function startSwitch(databaseUrl: string): Promise<Switch> {
  let target = new URL(databaseUrl);
  const open = new Map<Socket, { upstream: Socket; port: string }>();
  const server = createServer((client) => {
    const { hostname: host, port } = target;
    const upstream = connect({ host, port: Number(port) });
    open.set(client, { upstream, port });
    const end = () => {
      open.delete(client);
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) socket.setNoDelay().on("error", end).on("close", end);
    client.pipe(upstream);
    upstream.pipe(client);
  });
  function cut(): void {
    for (const client of open.keys()) client.destroy();
  }
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the switch has no port");
  const url = new URL(databaseUrl);
  url.host = `127.0.0.1:${address.port}`;
  return {
    url: url.href,
    leadTo(next) {
      target = new URL(next);
    },
    cut,
    kept: () => [...open.values()].filter(({ port }) => port !== target.port).length,
    async [Symbol.asyncDispose]() {
      const closed = once(server, "close");
      server.close();
      cut();
      await closed;
    },
  };
}
