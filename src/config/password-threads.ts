import { availableParallelism } from "node:os";
import type { PasswordThreads } from "../domain/user/password.ts";
import type { Read } from "./reader.ts";

// Of node's pool, which files, name look-ups, compression and signatures of JWTs share with passwords (libuv: UV_THREADPOOL_SIZE).
const defaultPoolSize = 4;
const [minPoolSize, maxPoolSize] = [3, 1024];

/** Decides how many threads of node's pool hash passwords at once, in each of so many processes. */
export function readPasswordThreads(read: Read, workers: number): PasswordThreads {
  const poolSize = read("UV_THREADPOOL_SIZE", defaultPoolSize, parsePoolSize, "a number, 3 to 1024");
  const cores = Math.max(1, Math.floor(availableParallelism() / workers));
  return shareThreads(poolSize, cores);
}

/** Shares a pool of at least 3 threads: at least one is left for other work, and with few cores one of each kind hashes. */
export function shareThreads(poolSize: number, cores: number): PasswordThreads {
  return { make: 1, check: Math.max(1, Math.min(cores - 1, Math.floor(poolSize / 2))) };
}

function parsePoolSize(text: string): number | undefined {
  const size = Number(text);
  return /^\d{1,4}$/.test(text) && size >= minPoolSize && size <= maxPoolSize ? size : undefined;
}
