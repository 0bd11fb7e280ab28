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

/** Connects as an attacker and sends some frames. */
async function attack(port: number, first: Buffer) {
  const raw = await connectRaw(port, Buffer.concat([opening, first]), { localAddress: "127.0.0.2" });
  // The attack starts after the server has accepted the connection.
  await once(raw.socket, "data");
  return raw;
}

const times = (count: number, one: Buffer) => Buffer.concat(Array.from({ length: count }, () => one));

/** Resolves when the server has answered a PING, and so has read everything before it. */
async function answersPing({ socket, write }: Awaited<ReturnType<typeof attack>>): Promise<void> {
  const payload = "are here";
  let received = "";
  write(frame(ping, 0, 0, Buffer.from(payload)));
  while (!received.includes(payload)) received += (await once(socket, "data"))[0];
}

/** A flood: how many frames are served, how many are not, and which part of the server detects the flood. */
interface Flood {
  first: Buffer;
  one: Buffer;
  /** Ends what `first` began, so that a PING may follow. */
  last?: Buffer;
  served: number;
  flood: number;
  /** `frame_flood`: this port. `http2_error`: node. */
  reason: "frame_flood" | "http2_error";
}

const ours = { served: 90, flood: 400, reason: "frame_flood" } as const;
const nodes = { served: 1_000, flood: 20_000, reason: "http2_error" } as const;
const headers = { first: unfinished, last: frame(continuation, 4, 1), served: 5, flood: 100 };
const floods: Record<string, Flood> = {
  SETTINGS: { ...ours, first: open, one: frame(settings, 0, 0) },
  "SETTINGS that change the windows": {
    ...{ ...ours, first: open },
    one: frame(settings, 0, 0, Buffer.from([0, 4, 0, 1, 0, 0])),
  },
  PING: { ...ours, first: open, one: frame(ping, 0, 0, eightBytes) },
  GOAWAY: { ...ours, first: open, one: frame(goaway, 0, 0, eightBytes) },
  PRIORITY: { ...nodes, first: open, one: frame(priority, 0, 1, Buffer.alloc(5)) },
  "unknown frames": { ...nodes, first: open, one: frame(unknownType, 0, 0, eightBytes) },
  "empty DATA": { ...nodes, served: 90, flood: 400, first: open, one: frame(data, 0, 1) },
  "DATA of one byte": {
    ...{ ...ours, served: 900, flood: 20_000, first: open },
    one: frame(data, 0, 1, Buffer.from(" ")),
  },
  "empty CONTINUATION": { ...headers, reason: "http2_error", one: frame(continuation, 0, 1) },
  "CONTINUATION with headers": {
    ...{ ...headers, reason: "http2_error" },
    one: frame(continuation, 0, 1, Buffer.from("\0\x01a\x01b")),
  },
};

test.each(Object.entries(floods))(
  "a client that floods the server with %s is disconnected and reported once, and a few of them are served",
  async (_, { first, one, last = Buffer.alloc(0), served, flood, reason }) => {
    const port = await openTestPort({ handler: health });
    const honest = await attack(port.port, first);
    honest.write(Buffer.concat([times(served, one), last]));
    await answersPing(honest);
    honest.socket.destroy();

    const raw = await attack(port.port, first);
    raw.write(times(flood, one));
    await raw.closed;
    expect(await port.refusals()).toEqual([{ reason, address: "127.0.0.2" }]);
  },
);

test.each([
  ["acknowledgements of SETTINGS that the server did not send", frame(settings, 1, 0)],
  ["acknowledgements of PING that the server did not send", frame(ping, 1, 0, eightBytes)],
  ["RST_STREAM of streams that are not open", frame(rstStream, 0, 3, uint32(8))],
])("a client that sends %s is disconnected and reported once", async (_, one) => {
  const port = await openTestPort({ handler: health });
  const raw = await attack(port.port, open);
  // The first acknowledgement may be the expected one.
  raw.write(times(2, one));
  await raw.closed;
  expect(await port.refusals()).toEqual([{ reason: "http2_error", address: "127.0.0.2" }]);
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
  const raw = await attack(port.port, open);
  raw.write(times(20_000, frame(windowUpdate, 0, stream, uint32(1))));
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
