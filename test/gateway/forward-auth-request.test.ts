import { once } from "node:events";
import type { Socket } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { forwardAuthEndpoint } from "../../src/net/http-json/forward-auth-endpoint.ts";
import { openTestDatabase } from "../support/database/database.ts";
import { openFastPathServer } from "../support/fast-path/server.ts";
import { identityIn, newKey, openGateway, path, sent } from "../support/gateway/forward-auth.ts";
import { frameType, getRequest, opening } from "../support/net/http2-frames.ts";
import { connectRaw, openTestPort } from "../support/net/net.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp({ LATCHKEY_CORS_ORIGINS: "*" });
const open = () => openGateway(app);

test("a request of any method gets the same answer, and a preflight request passes no more than others", async () => {
  const { verifier, key, url } = await open();
  const preflight = { origin: "https://a.example", "access-control-request-method": "POST" };
  for (const method of ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "REPORT"]) {
    for (const headers of [{}, preflight]) {
      const ask = (more: Record<string, string>) =>
        fetch(url + path, {
          method,
          headers: { "latchkey-verifier": verifier.token, ...headers, ...more },
        });
      const [passed, refused] = [await ask({ "x-api-key": key.token }), await ask({})];
      expect([method, passed.status, refused.status]).toEqual([method, 200, 401]);
      expect(identityIn(passed)["latchkey-key-id"]).toBe(key.id);
      expect(identityIn(refused)).toEqual({});
      expect([passed, refused].map((one) => one.headers.get("access-control-allow-origin"))).toEqual([
        null,
        null,
      ]);
    }
  }
});

test("a request with two Authorization headers is refused, over HTTP/1.1 and HTTP/2", async () => {
  const { owner, verifier, key, port } = await open();
  const other = await newKey(owner);
  const lines = [
    `GET ${path} HTTP/1.1`,
    "Host: a",
    `Latchkey-Verifier: ${verifier.token}`,
    `Authorization: Bearer ${key.token}`,
  ];
  const end = ["Connection: close", "", ""];
  const once1 = await connectRaw(port, [...lines, ...end].join("\r\n"));
  expect(await once1.closed).toMatch(/^HTTP\/1.1 200 /);
  for (const second of [other, key]) {
    const twice = await connectRaw(
      port,
      [...lines, `authorization: Bearer ${second.token}`, ...end].join("\r\n"),
    );
    expect(await twice.closed).toMatch(/^HTTP\/1.1 401 /);
  }
  const over2 = async (tokens: string[]) => {
    const raw = await connectRaw(port, opening);
    onTestFinished(() => void raw.socket.destroy());
    const bearers = tokens.map((token) => ["authorization", `Bearer ${token}`] as const);
    raw.write(getRequest(1, path, [["latchkey-verifier", verifier.token], ...bearers]));
    return await firstStatusIs200(raw.socket);
  };
  expect(await over2([key.token])).toBe(true);
  expect(await over2([key.token, other.token])).toBe(false);
});

test("a request with a body is answered without it, and the next request of the connection works", async () => {
  const { verifier, key, port } = await open();
  const head = (method: string, more: string[]) =>
    [
      `${method} ${path} HTTP/1.1`,
      "Host: a",
      `Latchkey-Verifier: ${verifier.token}`,
      `Authorization: Bearer ${key.token}`,
      ...more,
      "",
      "",
    ].join("\r\n");
  const body = "x".repeat(100_000);
  const raw = await connectRaw(port, head("POST", [`Content-Length: ${body.length}`]) + body);
  raw.write(head("GET", ["Connection: close"]));
  expect((await raw.closed).match(/HTTP\/1.1 200 /g)).toHaveLength(2);
  // The rest of this body never arrives.
  const stalled = await connectRaw(port, head("POST", ["Content-Length: 100000"]));
  onTestFinished(() => void stalled.socket.destroy());
  const [first] = await once(stalled.socket, "data");
  expect(String(first)).toMatch(/^HTTP\/1.1 200 /);
});

test("a request is counted and logged as forward_auth, with the verifier and without a token", async () => {
  const { verifier, key, get } = await open();
  const before = app.logLines.length;
  const statuses = [];
  for (const token of [key.token, key.token, "lk_live_wrong"]) {
    statuses.push((await get(path, sent(verifier, token))).status);
  }
  expect(statuses).toEqual([200, 200, 401]);
  await expect
    .poll(() => app.logLines.slice(before).filter((line) => line.includes('"call"')).length)
    .toBe(3);
  const lines = app.logLines.slice(before).filter((line) => line.includes('"call"'));
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    { method: "forward_auth", code: "ok", status: 200, keyId: verifier.id },
    { method: "forward_auth", code: "ok", status: 200, keyId: verifier.id },
    { method: "forward_auth", code: "unauthenticated", reason: "INVALID_API_KEY", status: 401 },
  ]);
  for (const secret of [verifier.token, key.token]) expect(lines.join("")).not.toContain(secret.slice(-20));
});

test("a client that asks for problem+json gets its refusal in this format", async () => {
  const { verifier, get } = await open();
  const answer = await get(path, sent(verifier, "wrong", { accept: "application/problem+json" }));
  expect(answer.headers.get("content-type")).toBe("application/problem+json");
  expect(JSON.parse(answer.text)).toMatchObject({ status: 401, code: "INVALID_API_KEY" });
});

test("an instance that cannot ask its database refuses with 503 and Retry-After, and never lets a client pass", async () => {
  const { verifier, key } = await open();
  const unreachable = openTestDatabase("postgres://127.0.0.1:1/nowhere");
  onTestFinished(unreachable.drop);
  const cut = await openFastPathServer(unreachable.db, true);
  const answer = await fetch(cut.url + path, {
    headers: { "latchkey-verifier": verifier.token, authorization: `Bearer ${key.token}` },
  });
  expect(answer.status).toBe(503);
  expect(answer.headers.get("retry-after")).toBe("1");
  expect(identityIn(answer)).toEqual({});
});

test("a bug is answered with 503", async () => {
  const bugs: unknown[] = [];
  const answers = [
    () => Promise.reject(new Error("late")),
    () => {
      throw new Error("at once");
    },
  ];
  const endpoint = forwardAuthEndpoint({
    name: "forward_auth",
    turns: { start: (_owner, work) => work() },
    answer: () => answers.shift()?.() ?? { status: 200, headers: {}, body: "" },
    onBug: (bug) => void bugs.push(bug),
  });
  const { url } = await openTestPort({ handler: endpoint.handle });
  const statuses = [];
  for (const _ of [1, 2, 3]) statuses.push((await fetch(url)).status);
  expect(statuses).toEqual([503, 503, 200]);
  expect(bugs).toHaveLength(2);
});

/** Returns whether the first response on an HTTP/2 connection has status 200. In HPACK, that is the byte 0x88. */
async function firstStatusIs200(socket: Socket): Promise<boolean> {
  let received = Buffer.alloc(0);
  socket.setEncoding("latin1");
  for await (const chunk of socket) {
    received = Buffer.concat([received, Buffer.from(chunk as string, "latin1")]);
    for (let at = 0; at + 9 < received.length; at += 9 + received.readUIntBE(at, 3)) {
      if (received[at + 3] === frameType.headers) return received[at + 9] === 0x88;
    }
  }
  throw new Error("the connection ended without a response");
}
