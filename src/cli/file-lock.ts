import { closeSync, openSync, rmSync, statSync } from "node:fs";
import { failureOf } from "./failure.ts";

const retryMs = 20;
const waitMs = 5_000;
// A command holds the lock for a few file operations. An older lock is of one that was killed.
const staleMs = 10_000;

/**
 * Changes a file while no other command of this user changes it. The lock is a file beside it. The whole process waits for it,
 * because a change takes milliseconds.
 */
export function withFileLock<T>(path: string, work: () => T): T {
  const lock = `${path}.lock`;
  const deadline = performance.now() + waitMs;
  while (!take(lock)) {
    if (performance.now() > deadline) {
      throw failureOf(`another command is changing ${path}; if none is running, remove ${lock}`);
    }
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, retryMs);
  }
  try {
    return work();
  } finally {
    rmSync(lock, { force: true });
  }
}

function take(lock: string): boolean {
  try {
    closeSync(openSync(lock, "wx", 0o600));
    return true;
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code !== "EEXIST") throw failureOf(`cannot create ${lock}: ${code}`);
    const stat = statSync(lock, { throwIfNoEntry: false });
    if (stat && Date.now() - stat.mtimeMs > staleMs) rmSync(lock, { force: true });
    return false;
  }
}
