import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { defaultLimits } from "../../src/net/limits.ts";
import { text } from "../support/net/hostile.ts";
import { openTestPort, selfSigned } from "../support/net/net.ts";

const inTime = 10_000;

/** Opens a port whose handler never answers, so that only probes get responses. */
function openProbed(options: Partial<Parameters<typeof openTestPort>[0]> = {}) {
  return openTestPort({ handler: () => {}, isReady: () => true, ...options });
}

/** Opens a connection, sends these bytes, and returns everything that arrives until the connection ends. */
async function exchange(port: number, bytes: string): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  onTestFinished(() => void socket.destroy());
  socket.end(bytes);
  return text(socket);
}

test.each([
  ["GET /healthz HTTP/1.0", 200, "ok\n"],
  ["GET /readyz HTTP/1.0", 200, "ready\n"],
  ["GET /healthz?verbose=1 HTTP/1.0", 200, "ok\n"],
  ["HEAD /readyz HTTP/1.0", 200, ""],
  ["OPTIONS / HTTP/1.0", 200, "ready\n"],
  ["GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close", 200, "ok\n"],
  ["POST /healthz HTTP/1.0", 405, "use GET or HEAD\n"],
])("%s gets status %i, without a host or a credential", async (head, status, body) => {
  const { port } = await openProbed();
  const response = await exchange(port, `${head}\r\n\r\n`);
  expect(response).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  expect(response).toMatch(/\r\ncontent-type: text\/plain; charset=utf-8\r\n/i);
  expect(response.split("\r\n\r\n")[1]).toBe(body);
});

test("an instance that is not ready gets 503 for /readyz, and 200 for /healthz", async () => {
  const { port } = await openProbed({ isReady: () => false });
  const answers = ["GET /readyz", "OPTIONS /", "GET /healthz"].map((line) =>
    exchange(port, `${line} HTTP/1.0\r\n\r\n`),
  );
  const [readyz, options, healthz] = await Promise.all(answers);
  expect(readyz).toMatch(/^HTTP\/1\.1 503 .*\r\n\r\nnot ready: [^\n]+\n$/s);
  expect(options).toMatch(/^HTTP\/1\.1 503 /);
  expect(healthz).toMatch(/^HTTP\/1\.1 200 /);
});

test("probes are answered over HTTP/2 and over TLS", async () => {
  const tls = selfSigned();
  const [plain, secure] = [await openProbed(), await openProbed({ tls })];
  for (const { url } of [plain, secure]) {
    const session = connectHttp2(url, { ca: tls.cert });
    onTestFinished(() => session.destroy());
    expect(await text(session.request({ ":path": "/readyz" }))).toBe("ready\n");
  }
});

test("a preflight of a browser and a path of another name are no probes", async () => {
  const handled: string[] = [];
  const { port } = await openProbed({
    handler(request, response) {
      handled.push(`${request.method} ${request.url}`);
      response.end();
    },
  });
  const preflight =
    "OPTIONS / HTTP/1.1\r\nHost: x\r\nOrigin: http://a\r\nAccess-Control-Request-Method: POST";
  for (const head of [preflight, "GET /healthz/x HTTP/1.1\r\nHost: x", "OPTIONS /x HTTP/1.1\r\nHost: x"]) {
    await exchange(port, `${head}\r\nConnection: close\r\n\r\n`);
  }
  expect(handled).toEqual(["OPTIONS /", "GET /healthz/x", "OPTIONS /x"]);
});

test("a port without isReady answers no probes", async () => {
  const { port } = await openTestPort({ handler: (_, response) => response.end("handled") });
  expect(await exchange(port, "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")).toMatch(
    /handled$/,
  );
});

// biome-ignore lint/complexity/noExcessiveLinesPerFunction: groups the tests of one promise.
describe("a full port", () => {
  const limits = { ...defaultLimits, maxConnections: 4, maxConnectionsPerAddress: 2, drainGraceMs: 500 };

  /** Fills a port with requests that get no response. */
  async function openFull() {
    let began = 0;
    const port = await openProbed({
      limits,
      handler: () => {
        began += 1;
      },
    });
    for (const _ of [1, 2]) {
      const socket = connect(port.port, "127.0.0.1");
      onTestFinished(() => void socket.destroy());
      socket.write("GET /x HTTP/1.1\r\nHost: x\r\n\r\n");
    }
    await expect.poll(() => began).toBe(2);
    return { ...port, began: () => began };
  }

  test("still answers probes", { timeout: inTime }, async () => {
    const { port } = await openFull();
    for (const head of ["GET /healthz HTTP/1.0", "GET /readyz HTTP/1.1\r\nHost: x", "OPTIONS / HTTP/1.0"]) {
      expect(await exchange(port, `${head}\r\n\r\n`)).toMatch(/^HTTP\/1\.1 200 .*\r\nconnection: close\r\n/s);
    }
  });

  test("resets a connection that is no probe", async () => {
    const { port, refusals } = await openFull();
    const wrong = [
      "POST /x HTTP/1.1\r\n",
      "GET /x HTTP/1.1\r\nHost: x\r\n\r\n",
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
      `GET /healthz HTTP/1.1\r\nx: ${"x".repeat(1_100)}`,
    ];
    for (const bytes of wrong) await expect(exchange(port, bytes)).rejects.toThrow(/ECONNRESET/);
    expect(await refusals()).toEqual(
      wrong.map(() => ({ reason: "too_many_from_address", address: "127.0.0.1" })),
    );
  });

  test("keeps the waiting probe of an address while another address opens many connections", async () => {
    const { port, began } = await openFull();
    const ended: string[] = [];
    const wait = async (name: string, localAddress: string) => {
      const socket = connect({ port, host: "127.0.0.1", localAddress });
      onTestFinished(() => void socket.destroy());
      socket.on("error", () => {});
      socket.on("close", () => ended.push(name));
      await once(socket, "connect");
      return socket;
    };
    // The table has room for two connections of this address.
    for (const _ of [1, 2]) (await wait("table", "127.0.0.2")).write("GET /x HTTP/1.1\r\nHost: x\r\n\r\n");
    await expect.poll(began).toBe(4);
    const probe = await wait("probe", "127.0.0.2");
    probe.write("GET /readyz HTTP/1.0\r\n");
    for (const n of Array.from({ length: 35 }, (_, n) => n)) await wait(`flood ${n}`, "127.0.0.3");
    await expect.poll(() => ended).toEqual(["flood 0", "flood 1", "flood 2", "flood 3"]);
    const answer = text(probe);
    probe.write("\r\n");
    expect(await answer).toMatch(/^HTTP\/1\.1 200 /);
  });

  test("resets silent connections after a second, and the oldest one if more than 32 wait", async () => {
    const { port } = await openFull();
    const ends: number[] = [];
    const all = Array.from({ length: 33 }, (_, n) => {
      const socket = connect(port, "127.0.0.1");
      onTestFinished(() => void socket.destroy());
      socket.on("error", () => {});
      return new Promise((resolve) => socket.on("close", () => resolve(ends.push(n))));
    });
    await Promise.race(all);
    expect(ends).toHaveLength(1);
    await Promise.all(all);
    expect(ends).toHaveLength(33);
  });
});
