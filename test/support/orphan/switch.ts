import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

/** A way to the database whose end can be changed: as a load balancer, which may or may not cut old sessions. */
export interface Switch extends AsyncDisposable {
  /** A database's URL, through the switch. */
  url: string;
  /** From now on new connections lead there. */
  leadTo(databaseUrl: string): void;
  /** Breaks every connection. */
  cut(): void;
  /** How many connections are open that led elsewhere when they were made. */
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
