import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Log } from "../log.ts";
import { birthOf, isPostgresOn } from "./process.ts";

const pollMs = 10;
const fastShutdownMs = 10_000;
const immediateShutdownMs = 5_000;

/** Stops a Postgres that outlived the process that started it. */
export async function endPredecessor(directory: string, log: Log): Promise<void> {
  const { pid, text } = readPidFile(directory);
  if (pid === undefined) return;
  if (birthOf(pid) !== undefined && isPostgresOn(pid, directory)) {
    log.warn({ pid }, "the embedded Postgres outlived its server; stopping it");
    await endPostgres(pid, log);
  }
  // The file may name a pid that another process has now, or a zombie (in a container without an init). Postgres would then
  // wait for ever. If the file names the parent of Postgres, Postgres ignores the pid, but still looks for processes that use
  // its shared memory. Without the file, it would not look for them.
  if (readPidFile(directory).pid === pid) {
    writeFileSync(join(directory, "postmaster.pid"), text.replace(/^\d+/, String(process.pid)));
  }
}

/** Ends a Postgres in fast mode (open transactions are rolled back), then in immediate mode (it recovers at its next start). */
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

/** Returns the content of `postmaster.pid`: the pid, and the state of the start from the eighth line. */
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
