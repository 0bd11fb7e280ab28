import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Log } from "../log.ts";
import { birthOf, isPostgresOn } from "./process.ts";

const pollMs = 10;
const fastShutdownMs = 10_000;
const immediateShutdownMs = 5_000;

/** Stops a Postgres that outlived the process which had started it. */
export async function endPredecessor(directory: string, log: Log): Promise<void> {
  const { pid, text } = readPidFile(directory);
  if (pid === undefined) return;
  if (birthOf(pid) !== undefined && isPostgresOn(pid, directory)) {
    log.warn({ pid }, "the embedded Postgres outlived its server; stopping it");
    await endPostgres(pid, log);
  }
  // Postgres would wait for ever for a pid that belongs to somebody else by now, or to a corpse that nobody has buried
  // (in a container without an init). It disregards a file that names its own parent, and still looks for survivors
  // that use its memory; without the file it would not.
  if (readPidFile(directory).pid === pid) {
    writeFileSync(join(directory, "postmaster.pid"), text.replace(/^\d+/, String(process.pid)));
  }
}

/** Ends that Postgres: fast (open transactions are rolled back), then at once (it recovers at its next start). */
export async function endPostgres(pid: number | undefined, log: Log): Promise<void> {
  if (pid === undefined) return;
  const birth = birthOf(pid);
  if (birth === undefined) return;
  const steps = [
    ["SIGINT", fastShutdownMs],
    ["SIGQUIT", immediateShutdownMs],
  ] as const;
  for (const [signal, patienceMs] of steps) {
    process.kill(pid, signal);
    const deadline = performance.now() + patienceMs;
    while (performance.now() < deadline) {
      if (birthOf(pid) !== birth) return;
      await delay(pollMs);
    }
    log.warn({ pid, signal }, "the embedded Postgres has not ended yet");
  }
  throw new Error(`the embedded Postgres (process ${pid}) does not end`);
}

/** What Postgres writes about itself into its directory: its pid, and on the eighth line how far it is. */
export function readPidFile(directory: string): { pid?: number; status?: string; text: string } {
  try {
    const text = readFileSync(join(directory, "postmaster.pid"), "utf8");
    const lines = text.split("\n");
    const pid = Number(lines[0]);
    return { text, pid: Number.isInteger(pid) && pid > 0 ? pid : undefined, status: lines[7]?.trim() };
  } catch {
    return { text: "" };
  }
}
