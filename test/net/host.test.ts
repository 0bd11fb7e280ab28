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
    ["two different", "Host: a\r\nHost: b\r\n"],
    ["two equal", "Host: a\r\nhost: a\r\n"],
    ["two distant", "Host: a\r\nAccept: */*\r\nX: y\r\nHOST: b\r\n"],
    ["no", ""],
  ])("a request with %s Host headers gets status 400, and its connection closes", async (_, hosts) => {
    const port = await openTestPort({ handler });
    const raw = await connectRaw(port.port, `GET / HTTP/1.1\r\n${hosts}\r\n`);
    const response = await raw.closed;
    expect(response).toMatch(/^HTTP\/1.1 400 /);
    expect(response).toMatch(/connection: close/i);
    expect(response).not.toContain("handled");
  });

  test("the server does not handle a request that follows a request with two hosts", async () => {
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
    ["equal :authority and host", { ":authority": "a:1", host: "A:1" }, 200],
    ["different :authority and host", { ":authority": "a", host: "b" }, 400],
    [":authority and host with different ports", { ":authority": "a:1", host: "a:2" }, 400],
  ])("a request with %s gets the right status", async (_, headers, expected) => {
    const port = await openTestPort({ handler });
    const session = openSession(port.url);
    const sent = Object.entries({ ":path": "/", ...headers }).filter(([, value]) => value !== undefined);
    const stream = session.request(Object.fromEntries(sent));
    const [headersReceived] = await once(stream, "response");
    expect(headersReceived[":status"]).toBe(expected);
    expect(await text(stream)).toBe(expected === 200 ? "handled" : "");
  });
});
