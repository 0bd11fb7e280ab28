import type { IncomingMessage, ServerResponse } from "node:http";
import { setTimeout as wait } from "node:timers/promises";
import { expect, test } from "vitest";
import { defaultLimits } from "../../src/net/limits.ts";
import type { Handler } from "../../src/net/request.ts";
import { connectRaw, openTestPort } from "../support/net/net.ts";

const get = (path: string) => `GET /${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
const last = "GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

/** Creates a handler that responds with the path after 1 ms, and counts how many requests it handles at a time. */
function slowEcho() {
  const seen = { now: 0, most: 0, all: 0 };
  const handler: Handler = async (request, response) => {
    seen.all += 1;
    seen.now += 1;
    seen.most = Math.max(seen.most, seen.now);
    await wait(1);
    seen.now -= 1;
    (response as ServerResponse).end((request as IncomingMessage).url);
  };
  return { seen, handler };
}

test("the server handles pipelined requests of one connection one at a time, and responds in order", async () => {
  const { seen, handler } = slowEcho();
  const port = await openTestPort({ handler });
  const paths = Array.from({ length: 50 }, (_, n) => `${n}`);
  const raw = await connectRaw(port.port, paths.map(get).join("") + last);
  const bodies = (await raw.closed).match(/^\/[a-z0-9]+/gm);
  expect(bodies).toEqual([...paths, "last"].map((path) => `/${path}`));
  expect(seen).toEqual({ now: 0, most: 1, all: 51 });
  expect(await port.refusals()).toEqual([]);
});

test("a client that pipelines thousands of requests is disconnected, and another client is served", async () => {
  const { seen, handler } = slowEcho();
  const port = await openTestPort({ handler });
  const raw = await connectRaw(port.port, get("flood").repeat(20_000), { localAddress: "127.0.0.2" });
  expect(await (await fetch(`${port.url}/victim`)).text()).toBe("/victim");
  await raw.closed;
  expect(seen.all).toBeLessThan(defaultLimits.maxPipelinedRequests);
  expect(await port.refusals()).toEqual([{ reason: "pipeline_too_long", address: "127.0.0.2" }]);
});

test("pipelined requests that wait on a broken connection never start", async () => {
  const { seen, handler } = slowEcho();
  const port = await openTestPort({ handler });
  const raw = await connectRaw(port.port, get("flood").repeat(50));
  await expect.poll(() => seen.all).toBeGreaterThan(0);
  raw.socket.resetAndDestroy();
  await raw.closed;
  await expect.poll(() => seen.now).toBe(0);
  const started = seen.all;
  await port.drain();
  expect(seen.all).toBe(started);
  expect(started).toBeLessThan(50);
});
