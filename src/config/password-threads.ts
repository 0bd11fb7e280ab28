import { availableParallelism } from "node:os";
import type { PasswordThreads } from "../domain/user/password.ts";
import type { Read } from "./reader.ts";

// The size of node's thread pool (libuv: UV_THREADPOOL_SIZE). Passwords share it with files, name look-ups, compression and
// the signatures of JWTs.
const defaultPoolSize = 4;
const [minPoolSize, maxPoolSize] = [3, 1024];

/** Decides how many threads of node's pool hash passwords at once, in each of `workers` processes. */
export function readPasswordThreads(read: Read, workers: number): PasswordThreads {
  const poolSize = read("UV_THREADPOOL_SIZE", defaultPoolSize, parsePoolSize, "a number, 3 to 1024");
  const cores = Math.max(1, Math.floor(availableParallelism() / workers));
  return shareThreads(poolSize, cores);
}

/** Divides a pool of at least 3 threads: one makes hashes, one or more check passwords, and at least one is free for other work. */
export function shareThreads(poolSize: number, cores: number): PasswordThreads {
  return { make: 1, check: Math.max(1, Math.min(cores - 1, Math.floor(poolSize / 2))) };
}

function parsePoolSize(text: string): number | undefined {
  const size = Number(text);
  return /^\d{1,4}$/.test(text) && size >= minPoolSize && size <= maxPoolSize ? size : undefined;
}
