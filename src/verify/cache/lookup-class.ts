import { DomainError } from "../../domain/kernel/error.ts";
import { createFairQueue, type FairQueue } from "../../domain/kernel/fair-queue.ts";
import type { Loaded, LookupKey } from "./load.ts";

/** A look-up that waits for its result. */
export interface Waiting {
  lookupKey: LookupKey;
  /** The principal or client address that the look-up is for. */
  caller: string;
  /** When it is rejected if it has no result yet. */
  dueAt: number;
  resolve(loaded: Loaded): void;
  reject(error: unknown): void;
}

/** Look-ups of one kind, which share a queue and a number of statements. */
export interface LookupClass {
  queue: FairQueue<Waiting>;
  /** How many statements may run at once. */
  statements: number;
  /** How long one statement may run, in milliseconds. */
  limitMs: number;
  /** How many statements run now. */
  inFlight: number;
  /** Takes the look-ups of the next statement: at most `most`. */
  take(most: number): Waiting[];
}

const maxWaiting = 5_000;

/** Creates a class without look-ups. `take` chooses the look-ups of a statement. */
export function createLookupClass(
  statements: number,
  limitMs: number,
  take: (queue: FairQueue<Waiting>, most: number) => Waiting[],
): LookupClass {
  const overflow = () => new DomainError("UNAVAILABLE", "too many tokens are being looked up: try again");
  const queue = createFairQueue<Waiting>(maxWaiting, overflow);
  return { queue, statements, limitMs, inFlight: 0, take: (most) => take(queue, most) };
}

/** Adds a look-up to the queue of a class. */
export function enqueue({ queue }: LookupClass, waiting: Waiting): void {
  queue.push({ caller: waiting.caller, item: waiting, reject: waiting.reject });
}

/** Takes all look-ups of one id. They share a statement, so a popular id takes no more of the class than another one. */
export function takeOneId(queue: FairQueue<Waiting>): Waiting[] {
  const [first] = queue.take(1);
  return first ? [first, ...queue.takeFitting(({ lookupKey }) => lookupKey.id === first.lookupKey.id)] : [];
}
