import { noTurn } from "./errors.ts";
import { createTurnLines, type WaitingLimits, type WaitingTurn } from "./turn-lines.ts";
import { createRunningTurns, type Share, type Turn, type TurnKind } from "./turn-shares.ts";

/**
 * Decides which work gets the next connection of a pool, so that no account, caller or kind of work takes all. A turn takes
 * its place in all of its shares at the same time, or waits and holds nothing. So turns that wait cannot block each other.
 */
export interface Turns {
  /**
   * Resolves when the turn begins, with the function that ends it. Fails if the turn waits for too long, or if too many turns
   * wait.
   */
  enter(turn: Turn, signal?: AbortSignal): Promise<() => void>;
  /** Refuses all turns that wait. */
  refuseAll(error: unknown): void;
  /** Returns how many turns wait. */
  waiting(): number;
}

/** What bounds the turns of a pool. */
export interface TurnsOptions {
  shares: readonly Share[];
  waiting?: WaitingLimits;
  timeoutMs?: number;
}

interface Waiting extends WaitingTurn {
  begin(): void;
  refuse(error: unknown): void;
}

// An estimate of the memory of a call that waits, besides its request.
const bytesPerCall = 8_192;
// For one account and kind of work, and in total.
const maxWaitingBytesPerAccount = 4_194_304;
const maxWaitingBytes = 33_554_432;
const turnTimeoutMs = 10_000;
const defaultWaiting = { perSubject: maxWaitingBytesPerAccount, inTotal: maxWaitingBytes };

/** Creates the turns of one pool. */
export function createTurns({
  shares,
  waiting: limits = defaultWaiting,
  timeoutMs = turnTimeoutMs,
}: TurnsOptions): Turns {
  const running = createRunningTurns(shares);
  const lines = createTurnLines<Waiting>(limits);
  const takeNext = rotating((kind) => (running.hasRoom(kind) ? lines.take(kind, running) : undefined));

  function begin(turn: Turn): () => void {
    running.add(turn);
    let ended = false;
    return () => {
      if (ended) return;
      ended = true;
      running.remove(turn);
      beginWhatFits();
    };
  }

  function beginWhatFits(): void {
    while (lines.size() > 0) {
      const next = takeNext();
      if (!next) return;
      next.begin();
    }
  }

  function wait(turn: Turn, signal: AbortSignal | undefined): Promise<() => void> {
    const { promise, resolve, reject } = Promise.withResolvers<() => void>();
    const giveUp = (error: unknown) => {
      lines.remove(waiting);
      waiting.refuse(error);
      // A turn behind this one may fit.
      beginWhatFits();
    };
    const stop = onGivingUp(timeoutMs, signal, giveUp);
    const waiting: Waiting = {
      turn,
      bytes: bytesPerCall + (turn.bytes?.() ?? 0),
      begin() {
        stop();
        resolve(begin(turn));
      },
      refuse(error) {
        stop();
        reject(error);
      },
    };
    for (const dropped of lines.push(waiting)) dropped.refuse(noTurn());
    return promise;
  }

  return {
    async enter(turn, signal) {
      signal?.throwIfAborted();
      // A turn does not pass turns of the same line. It may pass all others that wait, because none of them fits now.
      if (!lines.hasLine(turn) && running.fits(turn)) return begin(turn);
      return wait(turn, signal);
    },
    refuseAll(error) {
      for (const waiting of lines.clear()) waiting.refuse(error);
    },
    waiting: lines.size,
  };
}

// Returns a function that takes the next turn: a withdrawal if one can begin, and otherwise a turn of the other kinds in rotation.
function rotating(take: (kind: TurnKind) => Waiting | undefined): () => Waiting | undefined {
  let rotation: readonly TurnKind[] = ["change", "read", "public", "background"];
  return () => {
    for (const kind of ["withdrawal", ...rotation] as const) {
      const next = take(kind);
      if (!next) continue;
      if (kind !== "withdrawal") rotation = [...rotation.filter((one) => one !== kind), kind];
      return next;
    }
    return undefined;
  };
}

// Calls `giveUp` once, after the timeout or when the caller gives up. Returns a function that cancels this.
function onGivingUp(
  timeoutMs: number,
  signal: AbortSignal | undefined,
  giveUp: (error: unknown) => void,
): () => void {
  const timer = setTimeout(() => giveUp(noTurn()), timeoutMs);
  const onAbort = () => giveUp(signal?.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  return () => {
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
  };
}
