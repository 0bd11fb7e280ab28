import { hash } from "node:crypto";
import { LRUCache } from "lru-cache";
import type { Evaluation } from "../evaluate/evaluate.ts";
import type { Loader } from "./loader.ts";

/** Response cache. A response is valid only while the cached credential behind it is valid. */
export interface ResponseCache<T> {
  /** Returns the value of a key, if the evaluation that it was made from still holds. */
  recall(key: string): T | undefined;
  /**
   * Keeps a value that was made from an evaluation, if the cache can tell whether the evaluation still holds. `bytes` is the
   * size of the value.
   */
  keep(key: string, evaluation: Evaluation, value: T, bytes: number): void;
}

interface CachedResponse<T> {
  value: T;
  basis: NonNullable<Evaluation["basis"]>;
  endsAt: Date | undefined;
}

// The memory that an entry takes in addition to its value.
const bytesPerResponse = 512;

/** Creates a response cache that takes at most `maxBytes`. */
export function createResponseCache<T>(loader: Pick<Loader, "holds">, maxBytes: number): ResponseCache<T> {
  const kept = new LRUCache<string, CachedResponse<T>>({ maxSize: Math.ceil(maxBytes) });
  return {
    recall(key) {
      const cachedResponse = kept.get(key);
      if (!cachedResponse) return undefined;
      if (loader.holds(cachedResponse.basis, cachedResponse.endsAt)) return cachedResponse.value;
      kept.delete(key);
      return undefined;
    },
    keep(key, evaluation, value, bytes) {
      const { basis, endsAt } = evaluation;
      if (basis && isSimple(evaluation)) {
        kept.set(key, { value, basis, endsAt }, { size: bytesPerResponse + bytes });
      }
    },
  };
}

/** Returns the SHA-256 of a text, to make a key from. A text that contains a token is never kept itself. */
export function digest(text: string | Uint8Array): string {
  return hash("sha256", text, "binary");
}

// Only valid responses about API keys are kept. A session also depends on its last use, and an external token is not stored
// in our database.
function isSimple({ failures, tokenId }: Evaluation): boolean {
  return failures.length === 0 && tokenId !== undefined;
}
