import type { Readable } from "node:stream";

/**
 * Reads a request's body to its end, or until `isEnough` of what came so far: no more is read then.
 * Undefined where the client left, or was cut off by the port, which watches the time.
 */
export function readBody(
  stream: Readable,
  isEnough: (size: number, first: Buffer) => boolean,
): Promise<Buffer | undefined> {
  // A stream of HTTP/2 without a body ends by itself, before anybody reads it.
  if (stream.readableEnded) return Promise.resolve(Buffer.alloc(0));
  if (stream.destroyed) return Promise.resolve(undefined);
  return new Promise((resolve) => {
    let first: Buffer | undefined;
    let more: Buffer[] | undefined;
    let size = 0;
    stream.on("data", onData);
    stream.once("end", onEnd);
    stream.once("close", onClose);

    function onData(chunk: Buffer): void {
      size += chunk.length;
      if (!first) first = chunk;
      else if (more) more.push(chunk);
      else more = [chunk];
      if (!isEnough(size, first)) return;
      stream.off("data", onData);
      stream.pause();
      onEnd();
    }

    function onEnd(): void {
      stream.off("end", onEnd);
      stream.off("close", onClose);
      resolve(more && first ? Buffer.concat([first, ...more], size) : (first ?? Buffer.alloc(0)));
    }

    function onClose(): void {
      resolve(undefined);
    }
  });
}
