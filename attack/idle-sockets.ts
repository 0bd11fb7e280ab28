import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import type { AttackJob } from "./attacker.ts";
import { type Counts, count } from "./repeat.ts";

const defaultSockets = 10_000;
// The maximum number of sockets that connect at a time. More would fill the kernel's queue, which is a different attack.
const connecting = 200;
// The rate at which the attacker replaces connections that the server closed.
const replacedPerSecond = 1_000;
const request = "GET / HTTP/1.1\r\nhost: latchkey\r\n\r\n";

/**
 * Opens 10,000 connections from one address. Nine of ten send one request and then nothing, the others send nothing at all.
 * Replaces each connection that ends. Lasts as long as the job says, or until the server has closed one connection, but at
 * most ten times as long.
 */
export async function idleSockets({
  port,
  address,
  seconds,
  sockets: target = defaultSockets,
}: AttackJob): Promise<Counts> {
  const limit = openFilesLimit();
  if (limit < target + 200)
    throw new Error(`${target} sockets need a hard limit of ${target + 200} open files, but it is ${limit}`);
  const counts: Counts = {};
  const open = new Set<ReturnType<typeof connect>>();
  const startedAt = performance.now();
  const lasts = () => {
    const elapsed = performance.now() - startedAt;
    return elapsed < (counts["closed by the server"] ? 1 : 10) * seconds * 1_000;
  };
  let ended = false;
  let pending = 0;
  let most = 0;

  function openOne(n: number): void {
    pending += 1;
    const socket = connect({
      host: "127.0.0.1",
      port,
      ...(address !== undefined && { localAddress: address }),
    });
    let connected = false;
    open.add(socket);
    socket.once("connect", () => {
      connected = true;
      pending -= 1;
      count(counts, "connected");
      most = Math.max(most, open.size - pending);
      if (n % 10 > 0) socket.write(request);
    });
    socket.on("error", () => {});
    socket.once("close", () => {
      open.delete(socket);
      if (!connected) pending -= 1;
      if (!ended) count(counts, connected ? "closed by the server" : "refused");
    });
    socket.resume();
  }

  let budget = target;
  for (let n = 0; lasts(); ) {
    for (; open.size < target && pending < connecting && budget > 0; budget--) openOne(n++);
    await wait(5);
    if (budget < target) budget = Math.min(target, budget + (replacedPerSecond * 5) / 1_000);
  }
  ended = true;
  for (const socket of open) socket.destroy();
  counts["open at once"] = most;
  return counts;
}

/** Returns the maximum number of open files of this process. Node raises its soft limit to the hard one. */
function openFilesLimit(): number {
  const [, hard = "0"] =
    /^Max open files\s+\S+\s+(\S+)/m.exec(readFileSync("/proc/self/limits", "utf8")) ?? [];
  return hard === "unlimited" ? Number.POSITIVE_INFINITY : Number(hard);
}
