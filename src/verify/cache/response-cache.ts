import { hash } from "node:crypto";
import { LRUCache } from "lru-cache";
import type { Judgement } from "../evaluate/evaluate.ts";
import type { Loader } from "./loader.ts";

/** What was concluded from judgements, kept for as long as it would be concluded again. */
export interface Replies<T> {
  recall(key: string): T | undefined;
  /** Keeps what followed from a judgement, where memory can tell whether that still holds; `bytes`: its size. */
  keep(key: string, judgement: Judgement, value: T, bytes: number): void;
}

interface Reply<T> {
  value: T;
  basis: NonNullable<Judgement["basis"]>;
  endsAt: Date | undefined;
}

// What a reply takes besides what it says.
const bytesPerReply = 512;

/** Creates replies that take so many bytes at most. */
export function createReplies<T>(loader: Pick<Loader, "holds">, maxBytes: number): Replies<T> {
  const kept = new LRUCache<string, Reply<T>>({ maxSize: maxBytes });
  return {
    recall(key) {
      const reply = kept.get(key);
      if (!reply) return undefined;
      if (loader.holds(reply.basis, reply.endsAt)) return reply.value;
      kept.delete(key);
      return undefined;
    },
    keep(key, judgement, value, bytes) {
      const { basis, endsAt } = judgement;
      if (basis && isSimple(judgement)) {
        kept.set(key, { value, basis, endsAt }, { size: bytesPerReply + bytes });
      }
    },
  };
}

/** What a key is made from: whatever holds a token is never kept as it is. */
export function digest(text: string | Uint8Array): string {
  return hash("sha256", text, "binary");
}

// Of a key that may do what was asked: when a session was last used decides too, and an issuer's token is no record of ours.
function isSimple({ failures, tokenId }: Judgement): boolean {
  return failures.length === 0 && tokenId !== undefined;
}
