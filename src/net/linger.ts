import type { Socket } from "node:net";

/** Destroys a connection after a time in which its client can read the last bytes. Only the first call has an effect. */
export type Linger = (socket: Socket) => void;

/** Creates a `Linger` that waits `lingerMs` milliseconds. */
export function createLinger(lingerMs: number): Linger {
  const lingering = new WeakSet<Socket>();
  return (socket) => {
    if (lingering.has(socket)) return;
    lingering.add(socket);
    const timer = setTimeout(() => socket.destroy(), lingerMs);
    socket.once("close", () => clearTimeout(timer));
  };
}
