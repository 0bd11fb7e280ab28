import { hash } from "node:crypto";
import { LRUCache } from "lru-cache";
import type { Evaluation } from "../evaluate/evaluate.ts";
import type { Loader } from "./loader.ts";

/** What was concluded from judgements, kept for as long as it would be concluded again. */
export interface ResponseCache<T> {
  recall(key: string): T | undefined;
  /** Keeps what followed from a judgement, where memory can tell whether that still holds; `bytes`: its size. */
  keep(key: string, evaluation: Evaluation, value: T, bytes: number): void;
}

interface CachedResponse<T> {
  value: T;
  basis: NonNullable<Evaluation["basis"]>;
  endsAt: Date | undefined;
}

// What a reply takes besides what it says.
const bytesPerResponse = 512;

/** Creates replies that take so many bytes at most. */
export function createResponseCache<T>(loader: Pick<Loader, "holds">, maxBytes: number): ResponseCache<T> {
  const kept = new LRUCache<string, CachedResponse<T>>({ maxSize: maxBytes });
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

/** What a key is made from: whatever holds a token is never kept as it is. */
export function digest(text: string | Uint8Array): string {
  return hash("sha256", text, "binary");
}

// Of a key that may do what was asked: when a session was last used decides too, and an issuer's token is no record of ours.
function isSimple({ failures, tokenId }: Evaluation): boolean {
  return failures.length === 0 && tokenId !== undefined;
}
