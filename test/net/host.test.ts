import { once } from "node:events";
import { describe, expect, test } from "vitest";
import type { Handler } from "../../src/net/request.ts";
import { openSession, text } from "../support/net/hostile.ts";
import { connectRaw, openTestPort } from "../support/net/net.ts";

const handler: Handler = (request, response) => {
  request.resume();
  response.end("handled");
};

describe("over HTTP/1.1", () => {
  test.each([
    ["two of them", "Host: a\r\nHost: b\r\n"],
    ["the same one twice", "Host: a\r\nhost: a\r\n"],
    ["another one among many headers", "Host: a\r\nAccept: */*\r\nX: y\r\nHOST: b\r\n"],
    ["none", ""],
  ])("a request with a wrong number of hosts is a bad request: %s", async (_, hosts) => {
    const port = await openTestPort({ handler });
    const raw = await connectRaw(port.port, `GET / HTTP/1.1\r\n${hosts}\r\n`);
    const answer = await raw.closed;
    expect(answer).toMatch(/^HTTP\/1.1 400 /);
    expect(answer).toMatch(/connection: close/i);
    expect(answer).not.toContain("handled");
  });

  test("what follows such a request on its connection is not read", async () => {
    const port = await openTestPort({ handler });
    const smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    const raw = await connectRaw(port.port, `GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n${smuggled}`);
    expect(await raw.closed).not.toContain("handled");
  });
});

describe("over HTTP/2", () => {
  test.each([
    ["only :authority", { ":authority": "a" }, 200],
    ["only host", { host: "a", ":authority": undefined }, 200],
    ["both, the same", { ":authority": "a:1", host: "A:1" }, 200],
    ["both, and they differ", { ":authority": "a", host: "b" }, 400],
    ["both, with different ports", { ":authority": "a:1", host: "a:2" }, 400],
  ])("%s", async (_, headers, expected) => {
    const port = await openTestPort({ handler });
    const session = openSession(port.url);
    const sent = Object.entries({ ":path": "/", ...headers }).filter(([, value]) => value !== undefined);
    const stream = session.request(Object.fromEntries(sent));
    const [answer] = await once(stream, "response");
    expect(answer[":status"]).toBe(expected);
    expect(await text(stream)).toBe(expected === 200 ? "handled" : "");
  });
});
