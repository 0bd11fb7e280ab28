import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";

/** A TCP proxy before a database, which can fail the way networks do. */
export interface FaultyProxy {
  /** The database's URL, through the proxy. */
  url: string;
  /** From now on nothing passes, and nobody is told: connections stay open, new ones are taken and never answered. */
  swallow(): void;
  /** Breaks every connection and refuses new ones. */
  refuse(): Promise<void>;
  /** Lets new connections through again. Those that were swallowed stay lost. */
  heal(): Promise<void>;
  /** Resolves when the client next sends something. */
  nextBytes(): Promise<void>;
  close(): Promise<void>;
}

/** Starts a proxy on a free port of loopback. */
export async function startProxy(databaseUrl: string): Promise<FaultyProxy> {
  const target = new URL(databaseUrl);
  const sockets = new Set<Socket>();
  const pipes = new Set<{ lost: boolean }>();
  let swallowing = false;
  const watchers: (() => void)[] = [];

  const server = createServer((client) => {
    sockets.add(client);
    client.on("error", () => undefined).on("close", () => sockets.delete(client));
    if (swallowing) return;
    const upstream = connect({ host: target.hostname, port: Number(target.port) });
    sockets.add(upstream);
    upstream.on("error", () => client.destroy()).on("close", () => client.destroy());
    client.on("close", () => {
      upstream.destroy();
      pipes.delete(pipe);
    });
    const pipe = { lost: false };
    pipes.add(pipe);
    const pass = (to: Socket) => (data: Buffer) => {
      if (!pipe.lost) to.write(data);
    };
    client.on("data", pass(upstream));
    client.on("data", () => {
      for (const watcher of watchers.splice(0)) watcher();
    });
    upstream.on("data", pass(client));
  });

  await listen(server, 0);
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the proxy has no port");
  const url = new URL(databaseUrl);
  url.host = `127.0.0.1:${address.port}`;

  async function refuse(): Promise<void> {
    const closed = server.listening ? once(server, "close") : undefined;
    server.close();
    for (const socket of sockets) socket.destroy();
    await closed;
  }

  return {
    url: url.href,
    swallow() {
      swallowing = true;
      for (const pipe of pipes) pipe.lost = true;
    },
    refuse,
    async heal() {
      swallowing = false;
      if (!server.listening) await listen(server, address.port);
    },
    nextBytes: () => new Promise((resolve) => watchers.push(resolve)),
    close: refuse,
  };
}

async function listen(server: Server, port: number): Promise<void> {
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
}
