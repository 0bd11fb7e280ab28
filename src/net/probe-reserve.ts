import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import { addressKey } from "./address-key.ts";
import { probeAnswer, probeHeaders } from "./probes.ts";

/** Connections for which the table has no room, each of which may still be a probe. */
export interface ProbeReserve {
  /** Answers a probe on this connection and closes it. Calls `refuse` if the connection is no probe. */
  take(socket: Socket, refuse: () => void): void;
}

// A load balancer has few probes open at a time. A further connection replaces the oldest one of the busiest address.
const maxProbeConnections = 32;
// The head of a probe is short, and arrives in one packet.
const maxHeadBytes = 1_024;
const probeTimeoutMs = 1_000;
const probeHead = /^(GET|HEAD|OPTIONS) (\S+) HTTP\/1\.[01]\r\n/;

interface Waiting {
  /** The client's address, as the limits count it. */
  key: string;
  leave(): void;
}

/**
 * Creates a small reserve of connections beyond the connection table. It answers only probes, so that a load balancer does
 * not take a busy server for a dead one. It is for plain-text ports: a TLS handshake would cost too much here.
 */
export function createProbeReserve(isReady: () => boolean): ProbeReserve {
  const waiting = new Map<Socket, Waiting>();

  return {
    take(socket, refuse) {
      let head = "";
      const timer = setTimeout(leave, probeTimeoutMs);
      waiting.set(socket, { key: addressKey(socket.remoteAddress ?? ""), leave });
      socket.on("data", read);
      socket.once("close", stop);
      if (waiting.size > maxProbeConnections) oldestOfBusiest([...waiting.values()])?.leave();

      function read(bytes: Buffer): void {
        head += bytes.toString("latin1");
        if (!head.includes("\r\n\r\n") && head.length <= maxHeadBytes && isBeginning(head)) return;
        const [, method, url] = probeHead.exec(head) ?? [];
        const answer = probeAnswer(method, url, isReady);
        if (!answer || head.length > maxHeadBytes) {
          leave();
          return;
        }
        stop();
        socket.end(write(answer.status, answer.body, method === "HEAD"), () => socket.destroySoon());
      }

      function leave(): void {
        stop();
        refuse();
      }

      function stop(): void {
        clearTimeout(timer);
        waiting.delete(socket);
        socket.off("data", read);
      }
    },
  };
}

// The oldest connection of the address with the most connections, so that a flood from one address replaces only its own.
function oldestOfBusiest(all: readonly Waiting[]): Waiting | undefined {
  const counts = new Map<string, number>();
  for (const { key } of all) counts.set(key, (counts.get(key) ?? 0) + 1);
  const most = Math.max(...counts.values());
  return all.find(({ key }) => counts.get(key) === most);
}

// Anything else than a probe leaves at its first byte.
function isBeginning(head: string): boolean {
  return /^(G|H|O)/.test(head);
}

function write(status: number, body: string, isHead: boolean): string {
  const headers = { ...probeHeaders(body), connection: "close" };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join("")}\r\n${isHead ? "" : body}`;
}
