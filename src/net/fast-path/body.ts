import type { Readable } from "node:stream";
import type { Codec } from "./codec.ts";

/** The body of a request without one. */
export const emptyBody = Buffer.alloc(0);

/**
 * Reads a request body and calls `done` with it. Stops early if `codec` has enough to refuse the body. Never calls `done` if
 * the client disconnects, or if the port closes the connection because the client is too slow.
 */
export function readBody(
  stream: Readable,
  codec: Pick<Codec, "isEnough">,
  maxBytes: number,
  done: (body: Buffer) => void,
): void {
  // An HTTP/2 stream without a body has ended before the first read.
  if (stream.readableEnded) {
    done(emptyBody);
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
    // The rest is dropped as it arrives, so that a client over HTTP/1 can send its next request on the connection.
    stream.resume();
    onEnd();
  }

  function onEnd(): void {
    done(more && first ? Buffer.concat([first, ...more], size) : (first ?? emptyBody));
  }
}
