import type { Socket } from "node:net";

/** Destroys a connection that is over, after the time that its client has to read why. The first call counts. */
export type Linger = (socket: Socket) => void;

/** Creates a `Linger` of so many milliseconds. */
export function createLinger(lingerMs: number): Linger {
  const lingering = new WeakSet<Socket>();
  return (socket) => {
    if (lingering.has(socket)) return;
    lingering.add(socket);
    const timer = setTimeout(() => socket.destroy(), lingerMs);
    socket.once("close", () => clearTimeout(timer));
  };
}
