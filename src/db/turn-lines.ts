import type { Turn, TurnKind } from "./turn-shares.ts";

/** A turn that waits. */
export interface WaitingTurn {
  turn: Turn;
  /** The memory that it takes, approximately. */
  bytes: number;
}

/**
 * The turns that wait. There is one line for each kind, subject and caller. Subjects take turns, and so do the callers of a
 * subject. The lines are bounded in bytes.
 */
export interface TurnLines<W extends WaitingTurn> {
  size(): number;
  /** Returns whether this caller has a line for this subject. */
  hasLine(turn: Turn): boolean;
  /** Appends a turn. Returns the turns that it removed because a limit is exceeded: the newest ones of the longest line. */
  push(waiting: W): W[];
  /** Removes and returns the next turn of a kind that fits, or undefined if none fits. */
  take(kind: TurnKind, fitting: Fitting): W | undefined;
  /** Removes a turn from its line. */
  remove(waiting: W): void;
  /** Removes and returns all turns. */
  clear(): W[];
}

/** Decides which turns may begin now. If a subject has no room, the turns that wait for it are not checked one by one. */
export interface Fitting {
  hasRoom(kind: TurnKind, subject: string): boolean;
  fits(turn: Turn): boolean;
}

/** How many bytes may wait: for one kind and subject, and in total. */
export interface WaitingLimits {
  perSubject: number;
  inTotal: number;
}

interface Lines<W> {
  bytes: number;
  callers: Map<string, W[]>;
}

/** The lines by kind and subject. */
type Kinds<W> = Map<TurnKind, Map<string, Lines<W>>>;

/** Creates the lines, all empty. */
export function createTurnLines<W extends WaitingTurn>(limits: WaitingLimits): TurnLines<W> {
  const kinds: Kinds<W> = new Map();
  let size = 0;
  let bytes = 0;

  const allLines = () => [...kinds.values()].flatMap((one) => [...one.values()]);
  const linesOf = ({ kind, subjects }: Turn) => kinds.get(kind)?.get(subjects[0] ?? "");

  function remove(waiting: W): void {
    const { turn } = waiting;
    const lines = linesOf(turn);
    const line = lines?.callers.get(turn.caller);
    const at = line?.indexOf(waiting) ?? -1;
    if (!lines || !line || at < 0) return;
    line.splice(at, 1);
    lines.bytes -= waiting.bytes;
    bytes -= waiting.bytes;
    size -= 1;
    if (line.length === 0) deleteLine(kinds, lines, turn);
  }

  function dropNewest(lines: Lines<W> | undefined): W[] {
    const dropped = largest([...(lines?.callers.values() ?? [])], bytesOf)?.at(-1);
    if (dropped) remove(dropped);
    return dropped ? [dropped] : [];
  }

  return {
    size: () => size,
    hasLine: (turn) => linesOf(turn)?.callers.has(turn.caller) ?? false,
    push(waiting) {
      const lines = linesFor(kinds, waiting.turn);
      getOrAdd(lines.callers, waiting.turn.caller, () => []).push(waiting);
      lines.bytes += waiting.bytes;
      bytes += waiting.bytes;
      size += 1;
      const dropped: W[] = [];
      while (lines.bytes > limits.perSubject) dropped.push(...dropNewest(lines));
      while (bytes > limits.inTotal) dropped.push(...dropNewest(largest(allLines(), (one) => one.bytes)));
      return dropped;
    },
    take(kind, { hasRoom, fits }) {
      const subjects = kinds.get(kind) ?? new Map<string, Lines<W>>();
      for (const [subject, lines] of subjects) {
        const taken = hasRoom(kind, subject) ? firstFitting(lines, fits) : undefined;
        if (!taken) continue;
        remove(taken);
        moveToEnd(lines.callers, taken.turn.caller);
        moveToEnd(subjects, subject);
        return taken;
      }
      return undefined;
    },
    remove,
    clear() {
      const waiting = allLines().flatMap(({ callers }) => [...callers.values()].flat());
      kinds.clear();
      [size, bytes] = [0, 0];
      return waiting;
    },
  };
}

// Returns the lines of the subject of a turn, and adds them if there are none.
function linesFor<W>(kinds: Kinds<W>, { kind, subjects }: Turn): Lines<W> {
  const ofKind = getOrAdd(kinds, kind, () => new Map<string, Lines<W>>());
  return getOrAdd(ofKind, subjects[0] ?? "", () => ({ bytes: 0, callers: new Map() }));
}

function deleteLine<W>(kinds: Kinds<W>, lines: Lines<W>, { kind, subjects, caller }: Turn): void {
  lines.callers.delete(caller);
  if (lines.callers.size === 0) kinds.get(kind)?.delete(subjects[0] ?? "");
}

function firstFitting<W extends WaitingTurn>(lines: Lines<W>, fits: (turn: Turn) => boolean): W | undefined {
  return [...lines.callers.values()].find(([one]) => one && fits(one.turn))?.[0];
}

function bytesOf(line: readonly WaitingTurn[]): number {
  return line.reduce((sum, waiting) => sum + waiting.bytes, 0);
}

// If two are equally large, returns the later one, because the other has waited longer.
function largest<T>(all: readonly T[], sizeOf: (one: T) => number): T | undefined {
  let found: T | undefined;
  let foundSize = 0;
  for (const one of all) {
    const size = sizeOf(one);
    if (size >= foundSize) [found, foundSize] = [one, size];
  }
  return found;
}

function getOrAdd<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key) ?? make();
  map.set(key, known);
  return known;
}

// A map keeps the order of insertion, which is the order of turns here. The entry that was served last moves to the end.
function moveToEnd<K, V>(map: Map<K, V>, key: K): void {
  const value = map.get(key);
  if (value === undefined) return;
  map.delete(key);
  map.set(key, value);
}
