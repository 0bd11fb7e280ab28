import { once } from "node:events";
import { expect, test } from "vitest";
import type { Handler } from "../../src/net/request.ts";
import { call, check, health, openSession, text } from "../support/net/hostile.ts";
import { frame, frameType, healthCheck, opening, uint32 } from "../support/net/http2-frames.ts";
import { connectRaw, openTestPort, shortLimits } from "../support/net/net.ts";

const { data, settings, ping, priority, windowUpdate, continuation, rstStream, goaway } = frameType;
const serving = '{"status":"SERVING"}';
const eightBytes = Buffer.alloc(8);
const open = healthCheck(1);
const unfinished = healthCheck(1, {}, 0);
const unknownType = 0x42;

/** Connects as an attacker. Sends the frames `first`, then the frame `one` 20,000 times. Reads the responses. */
async function flood(port: number, first: Buffer, one: Buffer) {
  const raw = await connectRaw(port, Buffer.concat([opening, first]), { localAddress: "127.0.0.2" });
  // The flood starts after the server has accepted the connection.
  await once(raw.socket, "data");
  raw.write(Buffer.concat(Array.from({ length: 20_000 }, () => one)));
  return raw;
}

test.each([
  ["SETTINGS", open, frame(settings, 0, 0)],
  ["SETTINGS that change the windows", open, frame(settings, 0, 0, Buffer.from([0, 4, 0, 1, 0, 0]))],
  ["acknowledgements of SETTINGS", open, frame(settings, 1, 0)],
  ["PING", open, frame(ping, 0, 0, eightBytes)],
  ["acknowledgements of PING", open, frame(ping, 1, 0, eightBytes)],
  ["GOAWAY", open, frame(goaway, 0, 0, eightBytes)],
  ["PRIORITY", open, frame(priority, 0, 1, Buffer.alloc(5))],
  ["empty DATA", open, frame(data, 0, 1)],
  ["DATA of one byte", open, frame(data, 0, 1, Buffer.from(" "))],
  ["RST_STREAM of streams that are not open", open, frame(rstStream, 0, 3, uint32(8))],
  ["unknown frames", open, frame(unknownType, 0, 0, eightBytes)],
  ["empty CONTINUATION", unfinished, frame(continuation, 0, 1)],
  ["CONTINUATION with headers", unfinished, frame(continuation, 0, 1, Buffer.from("\0\x01a\x01b"))],
])("a client that floods the server with %s is disconnected and reported once", async (_, first, one) => {
  const port = await openTestPort({ handler: health });
  const raw = await flood(port.port, first, one);
  await raw.closed;
  const [refusal, ...more] = await port.refusals();
  expect(refusal?.address).toBe("127.0.0.2");
  // Node detects some floods, and the port detects the others.
  expect(["frame_flood", "http2_error"]).toContain(refusal?.reason);
  expect(more).toEqual([]);
});

test("an HTTP/1.1 client that floods the server with chunks of one byte is disconnected and reported once", async () => {
  const port = await openTestPort({ handler: health });
  const head = `${check}Transfer-Encoding: chunked\r\n\r\n`;
  const raw = await connectRaw(port.port, head + "1\r\n \r\n".repeat(20_000), { localAddress: "127.0.0.2" });
  await raw.closed;
  expect(await port.refusals()).toEqual([{ reason: "frame_flood", address: "127.0.0.2" }]);
});

test.each(["1.1", "2"] as const)(
  "the server reads a large body in small pieces over HTTP/%s",
  async (httpVersion) => {
    const sizes: number[] = [];
    const handler: Handler = async (request, response) => {
      sizes.push((await text(request)).length);
      response.end("read");
    };
    const port = await openTestPort({ handler });
    const pieces = Array.from({ length: 10_000 }, () => "x".repeat(100));
    if (httpVersion === "2") {
      const stream = call(openSession(port.url));
      for (const piece of pieces) stream.write(piece);
      stream.end();
      expect(await text(stream)).toBe("read");
    } else {
      const chunks = pieces.map((piece) => `64\r\n${piece}\r\n`).join("");
      const head = `${check}Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n`;
      const raw = await connectRaw(port.port, `${head}${chunks}0\r\n\r\n`);
      expect(await raw.closed).toMatch(/^HTTP\/1.1 200 /);
    }
    expect(sizes).toEqual([1_000_000]);
    expect(await port.refusals()).toEqual([]);
  },
);

test.each([
  ["of the connection", 0],
  ["of a stream", 1],
])("another client is served during a flood of updates to the window %s", async (_, stream) => {
  const port = await openTestPort({ handler: health });
  const session = openSession(port.url);
  await flood(port.port, open, frame(windowUpdate, 0, stream, uint32(1)));
  for (let n = 0; n < 20; n++) expect(await text(call(session, "{}"))).toBe(serving);
  expect(await port.refusals()).toEqual([]);
});

test("a client whose window has no room for its 100 responses is disconnected and reported once", async () => {
  const port = await openTestPort({ handler: health, limits: shortLimits });
  // The client sets a window of 0 bytes and sends 100 complete requests.
  const closedWindow = frame(settings, 0, 0, Buffer.from([0, 4, 0, 0, 0, 0]));
  const requests = Array.from({ length: 100 }, (_, n) => [
    healthCheck(2 * n + 1),
    frame(data, 1, 2 * n + 1, Buffer.from("{}")),
  ]);
  const bytes = Buffer.concat([opening, closedWindow, ...requests.flat()]);
  const raw = await connectRaw(port.port, bytes, { localAddress: "127.0.0.2" });
  await raw.closed;
  expect(await port.refusals()).toEqual([{ reason: "slow_reader", address: "127.0.0.2" }]);
});
