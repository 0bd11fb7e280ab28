import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";

/** The direction of traffic: to the database or back from it. */
export type Way = "there" | "back";

/** A TCP proxy before a database that simulates network failures. */
export interface FaultyProxy {
  /** The URL of the database through the proxy. */
  url: string;
  /** Drops all traffic without closing connections. New connections are accepted and get no response. */
  swallow(): void;
  /** Delays traffic in one direction, or in both, until `release`, like a short network outage. */
  hold(way?: Way): void;
  /** Delays every byte by this number of milliseconds. */
  delay(ms: number): void;
  /** Ends `hold` and `delay`. Delayed traffic arrives. */
  release(): void;
  /** Breaks every connection. New connections work. */
  cut(): void;
  /** Breaks every connection and refuses new ones. */
  refuse(): Promise<void>;
  /** Lets new connections through again. Connections from `swallow` stay lost. */
  heal(): Promise<void>;
  /** Resolves when the client next sends something. */
  nextBytes(): Promise<void>;
  close(): Promise<void>;
}

/** Starts a proxy on a free port of loopback. */
// biome-ignore lint/complexity/noExcessiveLinesPerFunction: keeps the state that its parts share.
export async function startProxy(databaseUrl: string): Promise<FaultyProxy> {
  const target = new URL(databaseUrl);
  const sockets = new Set<Socket>();
  const pipes = new Set<{ lost: boolean; lines: { pump(): void }[] }>();
  const held = new Set<Way>();
  let delayMs = 0;
  let swallowing = false;
  const watchers: (() => void)[] = [];

  const server = createServer((client) => {
    sockets.add(client);
    client.on("error", () => undefined).on("close", () => sockets.delete(client));
    if (swallowing) return;
    const upstream = connect(serverOf(target));
    sockets.add(upstream);
    upstream.on("error", () => undefined).on("close", () => sockets.delete(upstream));
    const pipe = {
      lost: false,
      lines: [createLine(client, upstream, "there"), createLine(upstream, client, "back")],
    };
    pipes.add(pipe);
    client.on("close", () => pipes.delete(pipe));
    client.on("data", (data) => {
      if (!pipe.lost) pipe.lines[0]?.send(data);
      for (const watcher of watchers.splice(0)) watcher();
    });
    upstream.on("data", (data) => {
      if (!pipe.lost) pipe.lines[1]?.send(data);
    });
  });

  // Forwards one direction of a connection in order, including its end.
  function createLine(from: Socket, to: Socket, way: Way) {
    const waiting: { at: number; data?: Buffer }[] = [];
    let timer: NodeJS.Timeout | undefined;
    function pump(): void {
      clearTimeout(timer);
      for (let next = waiting[0]; next && !held.has(way); next = waiting[0]) {
        const left = next.at - performance.now();
        if (left > 0) {
          timer = setTimeout(pump, left);
          return;
        }
        waiting.shift();
        if (next.data) to.write(next.data);
        else to.destroy();
      }
    }
    from.on("close", () => {
      waiting.push({ at: performance.now() + delayMs });
      pump();
    });
    return {
      pump,
      send(data: Buffer) {
        waiting.push({ at: performance.now() + delayMs, data });
        pump();
      },
    };
  }

  function breakAll(): void {
    for (const socket of sockets) socket.destroy();
  }

  await listen(server, 0);
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the proxy has no port");
  const url = new URL(databaseUrl);
  url.host = `127.0.0.1:${address.port}`;

  async function refuse(): Promise<void> {
    const closed = server.listening ? once(server, "close") : undefined;
    server.close();
    breakAll();
    await closed;
  }

  return {
    url: url.href,
    swallow() {
      swallowing = true;
      for (const pipe of pipes) pipe.lost = true;
    },
    hold(way) {
      for (const one of way ? [way] : (["there", "back"] as const)) held.add(one);
    },
    delay(ms) {
      delayMs = ms;
    },
    release() {
      held.clear();
      delayMs = 0;
      for (const { lines } of pipes) for (const line of lines) line.pump();
    },
    cut: breakAll,
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

// A database may listen on a Unix socket. Then the host of its URL is a directory.
function serverOf({ hostname, port }: URL) {
  const host = decodeURIComponent(hostname);
  return host.startsWith("/") ? { path: `${host}/.s.PGSQL.${port}` } : { host, port: Number(port) };
}
