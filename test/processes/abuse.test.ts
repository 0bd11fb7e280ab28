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
// What the attacks below hold in their hands is a gigabyte; what a garbage collector has not fetched yet is less than this.
const maxGrowth = 150 * megabyte;
const path = "/latchkey.v1.SessionService/SignUp";

const maxFromAddress = 150;

let site: Site;
let server: Served;
let port: number;
let before: number;
let uploads: Promise<{ id: string; answer: string }>[];
beforeAll(async () => {
  site = createSite();
  const settings = {
    LATCHKEY_MAX_CONNECTIONS_PER_ADDRESS: `${maxFromAddress}`,
    LATCHKEY_TRUSTED_PROXIES: "127.0.0.8",
  };
  server = await site.serve(settings, patientServer.program);
  port = Number(new URL(server.url).port);
  // Warm: what the first calls of every kind load stays loaded.
  await issueKey(await signUpAt(server.url, "before@example.com"));
  await post("warm", { "content-type": "application/json" }, "{}");
  before = residentBytes();
  uploads = Array.from({ length: 5 }, (_, i) => endlessUpload(`endless-${i}`));
});
afterAll(() => site.clear());

describe("is refused, and logged once:", () => {
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
    ["a compressed bomb", 20, { ...json, "content-encoding": "gzip" }, bomb, exhausted()],
    ["compressed noise", 5, { ...json, "content-encoding": "gzip" }, "noise", invalid()],
    ["an unknown compression", 5, { ...json, "content-encoding": "zip" }, "{}", unimplemented(501)],
    ["a wrong content type", 5, { "content-type": "text/xml" }, "<a/>", invalid(415)],
    ["no JSON", 5, json, "{", invalid()],
    ["no protobuf", 5, { "content-type": "application/proto" }, "\xff\xff", invalid()],
  ])("%s", async (name, times, headers, body, { status, code }) => {
    const ids = Array.from({ length: times }, (_, i) => `${name.replaceAll(" ", "-")}-${i}`);
    const answers = await Promise.all(ids.map((id) => post(id, headers, body)));
    for (const answer of answers) expect(answer === "cut off" || answer === status, `${answer}`).toBe(true);
    for (const id of ids) {
      const line = await server.logged(({ requestId }) => requestId === id);
      expect(line).toMatchObject({ method: path.slice(1), code });
      expect(linesOf((other) => other.requestId === id)).toHaveLength(1);
    }
    expect(residentBytes() - before).toBeLessThan(maxGrowth);
  });

  test("HTTP/2 garbage", async () => {
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

  test("thousands of HTTP/2 streams that are cancelled at once", async () => {
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

  test("an upload without end, which went on all the while", async () => {
    const sent = await Promise.all(uploads);
    expect(sent.every(({ answer }) => answer.startsWith("HTTP/1.1 429 "))).toBe(true);
    for (const { id } of sent) {
      expect(linesOf(({ requestId }) => requestId === id)).toMatchObject([{ code: "resource_exhausted" }]);
    }
    await server.logged(() => refusals("slow_request") === sent.length);
    expect(residentBytes() - before).toBeLessThan(maxGrowth);
  });
});

test("idle connections of one address make room, and those of a trusted proxy stay", async () => {
  const open = async (localAddress: string) => {
    const socket = connect({ port, host: "127.0.0.1", localAddress }).on("error", () => {});
    // A refused connection may be reset before it is told that it was there.
    await new Promise((resolve) => socket.once("connect", resolve).once("close", resolve));
    return socket;
  };
  const sockets = [];
  for (let n = 0; n < maxFromAddress + 1; n++) sockets.push(await open("127.0.0.8"), await open("127.0.0.9"));
  // Within their grace period, nothing makes room; after it, the first does.
  let evicted: LogLine | undefined;
  while (!evicted) {
    sockets.push(await open("127.0.0.9"));
    evicted = linesOf(({ msg }) => msg === "an idle connection was evicted")[0];
  }
  expect(evicted).toMatchObject({ reason: "too_many_from_address", address: "127.0.0.9", connections: 1 });
  expect(linesOf(({ address }) => address === "127.0.0.8")).toEqual([]);
  for (const socket of sockets) socket.destroy();
});

test("afterwards it serves as before, as the process that it was", async () => {
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

/** Posts to a public method, and returns the status. Whoever still sends when the server has had enough may miss it. */
async function post(
  id: string,
  headers: Record<string, string>,
  body: string | Uint8Array<ArrayBuffer>,
): Promise<number | string> {
  const all = { ...headers, "x-request-id": id };
  try {
    const answer = await fetch(`${server.url}${path}`, { method: "POST", headers: all, body });
    await answer.arrayBuffer();
    return answer.status;
  } catch {
    return "cut off";
  }
}

/** Uploads until the server cuts it off. */
async function endlessUpload(id: string): Promise<{ id: string; answer: string }> {
  const socket = connect(port, "127.0.0.1").on("error", () => {});
  let answer = "";
  socket.setEncoding("latin1").on("data", (text: string) => (answer += text));
  socket.write(
    `POST ${path} HTTP/1.1\r\nhost: x\r\nx-request-id: ${id}\r\ncontent-type: application/json\r\n` +
      "transfer-encoding: chunked\r\n\r\n",
  );
  // As fast as the server reads, but leaving the machine to others now and then.
  const chunk = `10000\r\n${" ".repeat(0x10000)}\r\n`;
  const timer = setInterval(() => socket.writable && socket.writableLength === 0 && socket.write(chunk), 5);
  await closeOf(socket);
  clearInterval(timer);
  return { id, answer };
}

function linesOf(fits: (line: LogLine) => boolean): LogLine[] {
  return server.log().filter(fits);
}

/** How many connections were refused for this reason: a line of the log counts those of a few seconds. */
function refusals(reason: string): number {
  const lines = linesOf((line) => line.reason === reason && line.msg === "a connection was refused");
  return lines.reduce((sum, { connections }) => sum + Number(connections), 0);
}

function residentBytes(): number {
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${server.pid}/status`, "utf8")) ?? [];
  return Number(kilobytes) * 1024;
}
