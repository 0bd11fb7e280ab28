import { once } from "node:events";
import { connect as connectHttp2, constants } from "node:http2";
import { setTimeout as wait } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { check, health } from "../support/net/hostile.ts";
import { frame, frameType, healthCheck, opening, uint32 } from "../support/net/http2-frames.ts";
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
  const streams = Array.from({ length: 20 }, (_, index) => [
    healthCheck(2 * index + 1, { expect: "100-continue" }),
    frame(frameType.rstStream, 0, 2 * index + 1, uint32(constants.NGHTTP2_CANCEL)),
  ]).flat();
  const raw = await connectRaw(port);
  raw.write(Buffer.concat([opening, ...streams]));
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
