import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import { setTimeout as wait } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { check, health } from "../support/net/hostile.ts";
import { connectRaw, openTestPort } from "../support/net/net.ts";

const first = `${check}Content-Length: 2\r\n\r\n{}`;
const second = `${check}Content-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n`;

test("a pipelined `Expect: 100-continue` request gets its 100 after the previous response", async () => {
  const { port } = await openTestPort({ handler: health });
  const raw = await connectRaw(port, first + second);
  const onData = (chunk: string) => chunk.includes("100 Continue") && raw.write("{}");
  raw.socket.on("data", onData);
  const responses = await raw.closed;
  expect(responses.match(/HTTP\/1\.1 \d+/g)).toEqual(["HTTP/1.1 200", "HTTP/1.1 100", "HTTP/1.1 200"]);
});

test("the 100 of a client that does not wait for it is never inside another response", async () => {
  const { port } = await openTestPort({ handler: health });
  const { closed } = await connectRaw(port, `${first}${second}{}`);
  const responses = (await closed).split(/(?=HTTP\/1\.1 )/);
  expect(responses).toEqual([
    expect.stringContaining('{"status":"SERVING"}'),
    "HTTP/1.1 100 Continue\r\n\r\n",
    expect.stringContaining('{"status":"SERVING"}'),
  ]);
});

test("HTTP/2 requests that expect 100 and are reset at once crash nothing, and a client that waits gets its 100", async () => {
  const uncaught: unknown[] = [];
  const onUncaught = (error: unknown) => void uncaught.push(error);
  process.on("uncaughtException", onUncaught);
  onTestFinished(() => void process.off("uncaughtException", onUncaught));
  const { port, url } = await openTestPort({ handler: health });
  const preface = Buffer.concat([
    Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    frame(4, 0, 0, Buffer.alloc(0)),
  ]);
  const streams = Array.from({ length: 20 }, (_, index) => [
    frame(1, 4, 2 * index + 1, headersThatExpect),
    frame(3, 0, 2 * index + 1, Buffer.from([0, 0, 0, 8])),
  ]).flat();
  const raw = await connectRaw(port);
  raw.write(Buffer.concat([preface, ...streams]));
  await wait(50);
  raw.socket.destroy();
  expect(uncaught).toEqual([]);
  const session = connectHttp2(url);
  const stream = session.request({
    ":method": "POST",
    ":path": "/grpc.health.v1.Health/Check",
    "content-type": "application/json",
    expect: "100-continue",
  });
  await once(stream, "continue");
  stream.end("{}");
  const [headers] = (await once(stream, "response")) as [{ ":status": number }];
  expect(headers[":status"]).toBe(200);
  session.destroy();
});

// Returns a frame (RFC 9113, section 4.1).
function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

// Headers in HPACK (RFC 7541): POST, http, a path, a host, and `expect: 100-continue`.
const text = (value: string) => [value.length, ...Buffer.from(value)];
const headersThatExpect = Buffer.from([
  0x83,
  0x86,
  0x04,
  ...text("/grpc.health.v1.Health/Check"),
  0x01,
  ...text("a"),
  0x0f,
  0x14,
  ...text("100-continue"),
]);
