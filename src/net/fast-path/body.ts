import type { Readable } from "node:stream";
import type { Codec } from "./codec.ts";

const nothing = Buffer.alloc(0);

/**
 * Reads a request's body to its end, or until so much came that `wire` has enough: no more is read then. Never calls back
 * where the client left, or was cut off by the port, which watches the time.
 */
export function readBody(
  stream: Readable,
  codec: Pick<Codec, "isEnough">,
  maxBytes: number,
  done: (body: Buffer) => void,
): void {
  // A stream of HTTP/2 without a body ends by itself, before anybody reads it.
  if (stream.readableEnded) {
    done(nothing);
    return;
  }
  if (stream.destroyed) return;
  let first: Buffer | undefined;
  let more: Buffer[] | undefined;
  let size = 0;
  stream.on("data", onData);
  stream.on("end", onEnd);

  function onData(chunk: Buffer): void {
    size += chunk.length;
    if (!first) first = chunk;
    else if (more) more.push(chunk);
    else more = [chunk];
    if (!codec.isEnough(size, first, maxBytes)) return;
    stream.off("data", onData);
    stream.off("end", onEnd);
    stream.pause();
    onEnd();
  }

  function onEnd(): void {
    done(more && first ? Buffer.concat([first, ...more], size) : (first ?? nothing));
  }
}
