import type { Socket } from "node:net";

// RFC 9113, section 3.4: every HTTP/2 client sends these bytes first. No HTTP/1 request begins like this.
const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

/** Called when the HTTP version of a connection is known. All bytes that arrived can still be read from the socket. */
export type SniffHandlers = {
  http1: (socket: Socket) => void;
  /** `frames`: the bytes that arrived after the preface. */
  http2: (socket: Socket, frames: Buffer) => void;
  /** Called if the client sent too few bytes within the timeout. */
  silent: (socket: Socket) => void;
};

/** Reads the first bytes of a connection, to distinguish HTTP/2 with prior knowledge from anything else. */
export function sniff(socket: Socket, timeoutMs: number, handlers: SniffHandlers): void {
  let seen: Buffer = Buffer.alloc(0);
  const timer = setTimeout(() => settle(handlers.silent), timeoutMs);
  socket.on("readable", onReadable);
  socket.on("end", onEnd);
  socket.on("error", onEnd);
  socket.on("close", stop);

  function onReadable(): void {
    const chunk: unknown = socket.read();
    if (!Buffer.isBuffer(chunk)) return;
    seen = Buffer.concat([seen, chunk]);
    const length = Math.min(seen.length, preface.length);
    if (seen.compare(preface, 0, length, 0, length) !== 0) settle(handlers.http1);
    else if (length === preface.length) settle(http2);
  }

  function http2(): void {
    handlers.http2(socket, seen.subarray(preface.length));
  }

  function onEnd(): void {
    stop();
    socket.destroy();
  }

  function settle(next: (socket: Socket) => void): void {
    stop();
    socket.unshift(seen);
    next(socket);
  }

  function stop(): void {
    clearTimeout(timer);
    socket.off("readable", onReadable);
    socket.off("end", onEnd);
    socket.off("error", onEnd);
    socket.off("close", stop);
  }
}
