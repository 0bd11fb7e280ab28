import type { Draw, Drawn } from "./draw.ts";

/** A draw that waits for its result. */
export interface WaitingDraw {
  draw: Draw;
  /** When it fails if it has no result yet, by `performance.now()`. */
  dueAt: number;
  resolve(drawn: Drawn): void;
  reject(error: unknown): void;
}

/** The draws of one account, in the order of arrival. At most one statement at a time has some of them. */
export interface SpendLine {
  waiting: WaitingDraw[];
  /** Whether another transaction held a record. The next statement of this account then waits, and is for it alone. */
  alone: boolean;
}

/** The draws that wait, by account. Accounts take turns. */
export interface SpendLines {
  /** Appends a draw. If too many wait, rejects the newest draw of the account with the most. */
  push(waiting: WaitingDraw): void;
  /** Takes the draws of the next statement: of several accounts, or `alone` those of one account whose records were held. */
  take(alone: boolean): Map<SpendLine, WaitingDraw[]>;
  /** Lets the next statement take draws of these accounts again. `again` are the draws to repeat, before all others. */
  giveBack(taken: ReadonlyMap<SpendLine, readonly WaitingDraw[]>): void;
  /** Removes and returns the draws that wait and that match. */
  remove(matches: (waiting: WaitingDraw) => boolean): WaitingDraw[];
  size(): number;
}

/** The limits of the lines. */
export interface SpendLineLimits {
  maxWaiting: number;
  maxPerStatement: number;
  maxPerAccount: number;
  /** Returns the error of a draw above `maxWaiting`. */
  overflow(): Error;
}

/** Creates the lines, all empty. */
export function createSpendLines(limits: SpendLineLimits): SpendLines {
  // Both maps are in the order of turns. An account is in at most one of them.
  const ready = new Map<string, SpendLine>();
  const inStatement = new Map<string, SpendLine>();
  const all = () => [...ready.values(), ...inStatement.values()];
  let size = 0;

  function takeFrom(accountId: string, line: SpendLine, most: number): WaitingDraw[] {
    const taken = line.waiting.splice(0, most);
    size -= taken.length;
    ready.delete(accountId);
    inStatement.set(accountId, line);
    return taken;
  }

  return {
    push(waiting) {
      const { accountId } = waiting.draw;
      const line = inStatement.get(accountId) ?? ready.get(accountId) ?? { waiting: [], alone: false };
      line.waiting.push(waiting);
      if (!inStatement.has(accountId)) ready.set(accountId, line);
      size += 1;
      if (size <= limits.maxWaiting) return;
      size -= 1;
      longestOf(all())?.waiting.pop()?.reject(limits.overflow());
    },
    take(alone) {
      const taken = new Map<SpendLine, WaitingDraw[]>();
      let room = limits.maxPerStatement;
      for (const [accountId, line] of ready) {
        if (room === 0 || (alone && taken.size > 0)) break;
        if (line.alone !== alone || line.waiting.length === 0) continue;
        const draws = takeFrom(accountId, line, Math.min(room, limits.maxPerAccount));
        taken.set(line, draws);
        room -= draws.length;
      }
      return taken;
    },
    giveBack(taken) {
      for (const [accountId, line] of inStatement) {
        const again = taken.get(line);
        if (!again) continue;
        inStatement.delete(accountId);
        line.waiting.unshift(...again);
        size += again.length;
        if (line.waiting.length > 0) ready.set(accountId, line);
      }
    },
    remove(matches) {
      const removed: WaitingDraw[] = [];
      for (const line of all()) {
        removed.push(...line.waiting.filter(matches));
        line.waiting = line.waiting.filter((waiting) => !matches(waiting));
      }
      for (const [accountId, line] of ready) if (line.waiting.length === 0) ready.delete(accountId);
      size -= removed.length;
      return removed;
    },
    size: () => size,
  };
}

function longestOf(lines: readonly SpendLine[]): SpendLine | undefined {
  let longest: SpendLine | undefined;
  for (const line of lines) if (line.waiting.length >= (longest?.waiting.length ?? 1)) longest = line;
  return longest;
}
