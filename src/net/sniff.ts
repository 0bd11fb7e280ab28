import type { Socket } from "node:net";

// RFC 9113, section 3.4: what every HTTP/2 client sends first. No HTTP/1 request begins like it.
const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

/** What to do with a connection once it is known what it speaks. Everything it sent is still to be read from it. */
export type Speakers = {
  http1: (socket: Socket) => void;
  /** `frames`: what it sent after the preface. */
  http2: (socket: Socket, frames: Buffer) => void;
  /** It said too little within the time. */
  silent: (socket: Socket) => void;
};

/** Reads no more of a connection than it takes to tell HTTP/2 with prior knowledge from anything else. */
export function sniff(socket: Socket, timeoutMs: number, speakers: Speakers): void {
  let seen: Buffer = Buffer.alloc(0);
  const timer = setTimeout(() => settle(speakers.silent), timeoutMs);
  socket.on("readable", onReadable);
  socket.on("end", onEnd);
  socket.on("error", onEnd);
  socket.on("close", stop);

  function onReadable(): void {
    const chunk: unknown = socket.read();
    if (!Buffer.isBuffer(chunk)) return;
    seen = Buffer.concat([seen, chunk]);
    const length = Math.min(seen.length, preface.length);
    if (seen.compare(preface, 0, length, 0, length) !== 0) settle(speakers.http1);
    else if (length === preface.length) settle(http2);
  }

  function http2(): void {
    speakers.http2(socket, seen.subarray(preface.length));
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
