import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { describe, expect, onTestFinished, test } from "vitest";
import { startHaproxy, startNginx } from "../support/gateway/proxies.ts";
import { skipWithout } from "../support/missing-program.ts";
import { connectRaw, openTestPort } from "../support/net/net.ts";

/** Starts nginx before a port, with one connection that all clients share. */
function startPlainNginx(backend: number): Promise<number> {
  const times = ["client_header_timeout", "client_body_timeout", "proxy_read_timeout"].map(
    (name) => `${name} 1s;`,
  );
  return startNginx((port) =>
    [
      `upstream back { server 127.0.0.1:${backend}; keepalive 1; }`,
      `server { listen 127.0.0.1:${port}; ${times.join(" ")}`,
      '  location / { proxy_http_version 1.1; proxy_set_header Connection ""; proxy_pass http://back; } }',
    ].join("\n"),
  );
}

const proxies = [
  { name: "nginx", version: "-v", start: startPlainNginx },
  { name: "haproxy", version: "-v", start: startHaproxy },
];

const inner = "GET /smuggled HTTP/1.1\r\nHost: a\r\nX: ";
const post = (...lines: string[]) => ["POST /first HTTP/1.1", "Host: a", ...lines].join("\r\n");
const chunks = (body: string) => `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;

// Each is read as one request by some implementations, and as two by others.
const shapes: Record<string, string> = {
  "CL.TE": `${post(`Content-Length: ${5 + inner.length}`, "Transfer-Encoding: chunked")}\r\n\r\n0\r\n\r\n${inner}`,
  "TE.CL": `${post("Content-Length: 4", "Transfer-Encoding: chunked")}\r\n\r\n${chunks(inner)}`,
  "TE.TE": `${post("Content-Length: 4", "Transfer-Encoding: chunked", "Transfer-Encoding: x")}\r\n\r\n${chunks(inner)}`,
  "an unknown coding": `${post("Content-Length: 4", "Transfer-Encoding: xchunked")}\r\n\r\n${chunks(inner)}`,
  "chunked that is not last": `${post("Transfer-Encoding: chunked, identity")}\r\n\r\n${chunks(inner)}`,
  "a space before the colon": `${post("Content-Length: 4", "Transfer-Encoding : chunked")}\r\n\r\n${chunks(inner)}`,
  "a control character in the coding": `${post("Content-Length: 4", "Transfer-Encoding: \x0bchunked")}\r\n\r\n${chunks(inner)}`,
  "a folded coding": `${post("Content-Length: 4", "Transfer-Encoding:", " chunked")}\r\n\r\n${chunks(inner)}`,
  "a folded header": `${post("X: a", " Content-Length: 40", "Content-Length: 0")}\r\n\r\n${inner}`,
  "two lengths that differ": `${post("Content-Length: 0", `Content-Length: ${inner.length}`)}\r\n\r\n${inner}`,
  "two equal lengths": `${post("Content-Length: 0", "Content-Length: 0")}\r\n\r\n${inner}`,
  "a list of lengths": `${post(`Content-Length: 0, ${inner.length}`)}\r\n\r\n${inner}`,
  "a signed length": `${post("Content-Length: +0")}\r\n\r\n${inner}`,
  "a hexadecimal length": `${post("Content-Length: 0x10")}\r\n\r\n${inner}`,
  "a length with an underscore": `${post("Content_Length: 40")}\r\n\r\n${inner}`,
  "bare line feeds": `POST /first HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n0\n\n${inner}`,
  "a bare carriage return": `${post("X: a\rContent-Length: 40", "Content-Length: 0")}\r\n\r\n${inner}`,
  "a chunk with a wrong size": `${post("Transfer-Encoding: chunked")}\r\n\r\n1\r\nabc\r\n0\r\n\r\n${inner}`,
  "a chunk size that overflows": `${post("Transfer-Encoding: chunked")}\r\n\r\nffffffffffffffff1\r\na\r\n0\r\n\r\n${inner}`,
  "a chunk extension with a line feed": `${post("Transfer-Encoding: chunked")}\r\n\r\n1;a\nb\r\nx\r\n0\r\n\r\n${inner}`,
  "chunked in HTTP/1.0": `POST /first HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n${chunks(inner)}`,
  "a GET with a body": `GET /first HTTP/1.1\r\nHost: a\r\nContent-Length: ${inner.length}\r\n\r\n${inner}`,
  "an absolute form with another host": "GET http://b/first HTTP/1.1\r\nHost: a\r\n\r\n",
  "two hosts": "GET /first HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
  "a connection header that names the length": `${post("Connection: Content-Length", "Content-Length: 40")}\r\n\r\n${inner}`,
  "an upgrade to HTTP/2": `${post("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA", "Content-Length: 0")}\r\n\r\n${inner}`,
};

/** Opens a port of ours whose answers say which request they answer. */
async function openOurs(): Promise<{ port: number; seen: string[] }> {
  const seen: string[] = [];
  const { port } = await openTestPort({
    async handler(request, response) {
      const line = `${request.method} ${request.url} ${request.headers["x-client"] ?? "-"}`;
      seen.push(line);
      const body = await text(request).catch(() => "(broken)");
      response.end(`[${line} ${body.length}]`);
    },
  });
  return { port, seen };
}

/** Returns the statuses on a connection, and the requests that its answers name. */
async function send(port: number, bytes: string) {
  const received = await (await connectRaw(port, bytes)).closed;
  return {
    statuses: [...received.matchAll(/HTTP\/1\.[01] (\d{3}) /g)].map(([, status]) => Number(status)),
    answered: [...received.matchAll(/\[(\w+ \S+ \S+) \d+\]/g)].map(([, line]) => line),
  };
}

const follow = (client: string) =>
  `GET /${client} HTTP/1.1\r\nHost: a\r\nX-Client: ${client}\r\nConnection: close\r\n\r\n`;

/** Sends each shape, and then the request of another client. Returns the shapes after which a client got a wrong answer. */
async function findDesync(port: number, seen: string[]) {
  const wrong: string[] = [];
  let refused = 0;
  for (const [shape, bytes] of Object.entries(shapes)) {
    seen.length = 0;
    const attack = await send(port, bytes + follow("last"));
    const before = [...seen];
    const victim = await send(port, follow("victim"));
    const errors = attack.statuses.filter((status) => status >= 400).length;
    const isRight =
      attack.statuses.length > 0 &&
      victim.answered.join() === "GET /victim victim" &&
      seen.slice(before.length).join() === "GET /victim victim" &&
      before.filter((line) => attack.answered.includes(line)).join() === attack.answered.join() &&
      // The proxy may refuse the body of a request after the port has seen its head.
      before.length - attack.answered.length <= errors;
    if (!isRight) wrong.push(shape);
    if (errors > 0) refused += 1;
  }
  return { wrong, refused };
}

/** Starts a server that takes every empty line as the end of a request, whatever the headers say about a body. */
async function startNaiveServer(): Promise<{ port: number; seen: string[] }> {
  const seen: string[] = [];
  const server = createServer((socket) => {
    let received = "";
    socket.on("error", () => {});
    socket.setEncoding("latin1").on("data", (chunk: string) => {
      const heads = (received + chunk).split("\r\n\r\n");
      received = heads.pop() ?? "";
      for (const head of heads) {
        const [, line = ""] = /^(\w+ \S+) HTTP/.exec(head) ?? [];
        const [, client = "-"] = /^x-client: (\S+)/im.exec(head) ?? [];
        seen.push(`${line} ${client}`);
        const body = `[${line} ${client} 0]`;
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
      }
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const sockets = new Set<Socket>();
  server.on("connection", (socket) => sockets.add(socket));
  onTestFinished(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return { port: (server.address() as AddressInfo).port, seen };
}

describe.for(proxies)("behind $name", ({ name, version, start }) => {
  test("each ambiguous request ends in 400, or each answer goes to the client of its request", async (context) => {
    await skipWithout(context, name, [version], `apt-get install ${name}`);
    const { port, seen } = await openOurs();
    const { wrong, refused } = await findDesync(await start(port), seen);
    expect(wrong).toEqual([]);
    expect(refused).toBeGreaterThan(5);
  }, 120_000);

  test("the search finds a server that reads requests wrongly", async (context) => {
    await skipWithout(context, name, [version], `apt-get install ${name}`);
    const { port, seen } = await startNaiveServer();
    expect((await findDesync(await start(port), seen)).wrong.length).toBeGreaterThan(0);
  }, 120_000);
});
