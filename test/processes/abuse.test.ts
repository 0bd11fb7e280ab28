import { readFileSync } from "node:fs";
import { connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { signUpAt } from "../support/actors/remote.ts";
import { issueKey } from "../support/app.ts";
import { patientServer } from "../support/long.ts";
import { closeOf, preface } from "../support/net/hostile.ts";
import { createSite, type LogLine, type Served, type Site } from "../support/server/serve.ts";

const megabyte = 1024 * 1024;
// The attacks send about a gigabyte. Memory that is not collected yet may be at most this much.
const maxGrowth = 150 * megabyte;
const path = "/latchkey.v1.SessionService/SignUp";

const maxFromAddress = 150;

let site: Site;
let server: Served;
let port: number;
let before: number;
let uploads: Promise<{ id: string; response: string }>[];
beforeAll(async () => {
  site = createSite();
  const settings = {
    LATCHKEY_MAX_CONNECTIONS_PER_ADDRESS: `${maxFromAddress}`,
    LATCHKEY_TRUSTED_PROXIES: "127.0.0.8",
  };
  server = await site.serve(settings, patientServer.program);
  port = Number(new URL(server.url).port);
  // The first calls load code and data that stay in memory.
  await issueKey(await signUpAt(server.url, "before@example.com"));
  await post("warm", { "content-type": "application/json" }, "{}");
  before = residentBytes();
  uploads = Array.from({ length: 5 }, (_, i) => endlessUpload(`endless-${i}`));
});
afterAll(() => site.clear());

// biome-ignore lint/complexity/noExcessiveLinesPerFunction: groups the tests of one promise.
describe("attacks", () => {
  const json = { "content-type": "application/json" };
  const bomb = gzipSync(Buffer.alloc(50 * megabyte, " "));
  test.each<
    [
      string,
      number,
      Record<string, string>,
      string | Uint8Array<ArrayBuffer>,
      { status: number; code: string },
    ]
  >([
    ["a body that is too large", 20, json, Buffer.alloc(4 * megabyte, " "), exhausted()],
    ["a compression bomb", 20, { ...json, "content-encoding": "gzip" }, bomb, exhausted()],
    ["malformed gzip", 5, { ...json, "content-encoding": "gzip" }, "noise", invalid()],
    ["an unknown compression", 5, { ...json, "content-encoding": "zip" }, "{}", unimplemented(501)],
    ["a wrong content type", 5, { "content-type": "text/xml" }, "<a/>", invalid(415)],
    ["malformed JSON", 5, json, "{", invalid()],
    ["malformed protobuf", 5, { "content-type": "application/proto" }, "\xff\xff", invalid()],
  ])("%s is refused and logged once per request", async (name, times, headers, body, { status, code }) => {
    const ids = Array.from({ length: times }, (_, i) => `${name.replaceAll(" ", "-")}-${i}`);
    const outcomes = await Promise.all(ids.map((id) => post(id, headers, body)));
    for (const outcome of outcomes) {
      expect(outcome === "disconnected" || outcome === status, `${outcome}`).toBe(true);
    }
    for (const id of ids) {
      const line = await server.logged(({ requestId }) => requestId === id);
      expect(line).toMatchObject({ method: path.slice(1), code });
      expect(linesOf((other) => other.requestId === id)).toHaveLength(1);
    }
    expect(residentBytes() - before).toBeLessThan(maxGrowth);
  });

  test("clients that send HTTP/2 garbage are disconnected and counted in few log lines", async () => {
    const clients = 100;
    await Promise.all(
      Array.from({ length: clients }, async () => {
        const socket = connect(port, "127.0.0.1").on("error", () => {});
        socket.resume().write(`${preface}${"\xff".repeat(4096)}`, "latin1");
        await closeOf(socket);
      }),
    );
    await server.logged(() => refusals("http2_error") === clients);
    expect(linesOf(({ reason }) => reason === "http2_error").length).toBeLessThan(10);
    expect(residentBytes() - before).toBeLessThan(maxGrowth);
  });

  test("a client that cancels thousands of HTTP/2 streams at once is disconnected", async () => {
    const session = connectHttp2(server.url).on("error", () => {});
    const headers = { ":method": "POST", ":path": path, "content-type": "application/json" };
    const ended = closeOf(session);
    const timer = setInterval(() => {
      for (let i = 0; i < 50 && !session.destroyed; i++)
        session
          .request(headers)
          .on("error", () => {})
          .close(8);
    }, 1);
    await ended;
    clearInterval(timer);
    expect(residentBytes() - before).toBeLessThan(maxGrowth);
  });

  test("endless uploads during the other attacks are refused and logged once", async () => {
    const sent = await Promise.all(uploads);
    expect(sent.every(({ response }) => response.startsWith("HTTP/1.1 429 "))).toBe(true);
    for (const { id } of sent) {
      expect(linesOf(({ requestId }) => requestId === id)).toMatchObject([{ code: "resource_exhausted" }]);
    }
    await server.logged(() => refusals("slow_request") === sent.length);
    expect(residentBytes() - before).toBeLessThan(maxGrowth);
  });
});

test("idle connections of an address at its maximum are evicted, and those of a trusted proxy are not", async () => {
  const open = async (localAddress: string) => {
    const socket = connect({ port, host: "127.0.0.1", localAddress }).on("error", () => {});
    // The server may reset a refused connection before the client sees that it was established.
    await new Promise((resolve) => socket.once("connect", resolve).once("close", resolve));
    return socket;
  };
  const sockets = [];
  for (let n = 0; n < maxFromAddress + 1; n++) sockets.push(await open("127.0.0.8"), await open("127.0.0.9"));
  // No connection is evicted during its grace period. After that, the first one is.
  let evicted: LogLine | undefined;
  while (!evicted) {
    sockets.push(await open("127.0.0.9"));
    evicted = linesOf(({ msg }) => msg === "an idle connection was evicted")[0];
  }
  expect(evicted).toMatchObject({ reason: "too_many_from_address", address: "127.0.0.9", connections: 1 });
  expect(linesOf(({ address }) => address === "127.0.0.8")).toEqual([]);
  for (const socket of sockets) socket.destroy();
});

test("after the attacks, the same process serves calls, logged no error and ends with status 0", async () => {
  await issueKey(await signUpAt(server.url, "after@example.com"));
  expect(linesOf(({ level }) => Number(level) >= 50)).toEqual([]);
  expect(residentBytes() - before).toBeLessThan(maxGrowth);
  expect(await server.stop()).toMatchObject({ code: 0 });
});

function exhausted() {
  return { status: 429, code: "resource_exhausted" };
}

function invalid(status = 400) {
  return { status, code: "invalid_argument" };
}

function unimplemented(status: number) {
  return { status, code: "unimplemented" };
}

/** Posts to a public method. Returns the status, or "disconnected" if the server closed the connection during the upload. */
async function post(
  id: string,
  headers: Record<string, string>,
  body: string | Uint8Array<ArrayBuffer>,
): Promise<number | string> {
  const all = { ...headers, "x-request-id": id };
  try {
    const response = await fetch(`${server.url}${path}`, { method: "POST", headers: all, body });
    await response.arrayBuffer();
    return response.status;
  } catch {
    return "disconnected";
  }
}

/** Uploads until the server closes the connection. */
async function endlessUpload(id: string): Promise<{ id: string; response: string }> {
  const socket = connect(port, "127.0.0.1").on("error", () => {});
  let response = "";
  socket.setEncoding("latin1").on("data", (text: string) => (response += text));
  socket.write(
    `POST ${path} HTTP/1.1\r\nhost: x\r\nx-request-id: ${id}\r\ncontent-type: application/json\r\n` +
      "transfer-encoding: chunked\r\n\r\n",
  );
  // The client sends as fast as the server reads, with pauses that leave CPU time to other processes.
  const chunk = `10000\r\n${" ".repeat(0x10000)}\r\n`;
  const timer = setInterval(() => socket.writable && socket.writableLength === 0 && socket.write(chunk), 5);
  await closeOf(socket);
  clearInterval(timer);
  return { id, response };
}

function linesOf(fits: (line: LogLine) => boolean): LogLine[] {
  return server.log().filter(fits);
}

/** Returns how many connections were refused for this reason. One log line counts the connections of a few seconds. */
function refusals(reason: string): number {
  const lines = linesOf((line) => line.reason === reason && line.msg === "a connection was refused");
  return lines.reduce((sum, { connections }) => sum + Number(connections), 0);
}

function residentBytes(): number {
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${server.pid}/status`, "utf8")) ?? [];
  return Number(kilobytes) * 1024;
}
