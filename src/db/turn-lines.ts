import type { Turn, TurnKind } from "./turn-shares.ts";

/** A turn that waits. */
export interface WaitingTurn {
  turn: Turn;
  /** What it takes of memory, about. */
  bytes: number;
}

/** Turns that wait: in a line for each kind, subject and caller, served in rotation. Bounded by what they take of memory. */
export interface TurnLines<W extends WaitingTurn> {
  size(): number;
  /** Whether this caller has a line for this subject. */
  hasLine(turn: Turn): boolean;
  /** Appends a turn. Returns what has to go in return: the newest of whoever has the most waiting. */
  push(waiting: W): W[];
  /** Takes the next turn of a kind that fits. */
  take(kind: TurnKind, fits: (turn: Turn) => boolean): W | undefined;
  /** Takes one out of its line. */
  remove(waiting: W): void;
  /** Takes all. */
  clear(): W[];
}

/** How many bytes may wait: of one kind for one subject, and in all. */
export interface WaitingLimits {
  perSubject: number;
  inTotal: number;
}

interface Lines<W> {
  bytes: number;
  callers: Map<string, W[]>;
}

/** Creates the lines, all empty. */
export function createTurnLines<W extends WaitingTurn>(limits: WaitingLimits): TurnLines<W> {
  const kinds = new Map<TurnKind, Map<string, Lines<W>>>();
  let size = 0;
  let bytes = 0;

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
    if (line.length === 0) lines.callers.delete(turn.caller);
    if (lines.callers.size === 0) kinds.get(turn.kind)?.delete(turn.subjects[0] ?? "");
  }

  function newestOfGreediest(lines: Lines<W> | undefined): W[] {
    const lost = most([...(lines?.callers.values() ?? [])], bytesOf)?.at(-1);
    if (lost) remove(lost);
    return lost ? [lost] : [];
  }

  function takeOf(lines: Lines<W>, fits: (turn: Turn) => boolean): W | undefined {
    for (const [caller, line] of lines.callers) {
      const [first] = line;
      if (!first || !fits(first.turn)) continue;
      remove(first);
      if (line.length > 0) toTheEnd(lines.callers, caller, line);
      return first;
    }
    return undefined;
  }

  return {
    size: () => size,
    hasLine: (turn) => linesOf(turn)?.callers.has(turn.caller) ?? false,
    push(waiting) {
      const { turn } = waiting;
      const subjects = getOrAdd(kinds, turn.kind, () => new Map<string, Lines<W>>());
      const lines = getOrAdd(subjects, turn.subjects[0] ?? "", () => ({ bytes: 0, callers: new Map() }));
      getOrAdd(lines.callers, turn.caller, () => []).push(waiting);
      lines.bytes += waiting.bytes;
      bytes += waiting.bytes;
      size += 1;
      const lost: W[] = [];
      while (lines.bytes > limits.perSubject) lost.push(...newestOfGreediest(lines));
      while (bytes > limits.inTotal) {
        const everywhere = [...kinds.values()].flatMap((one) => [...one.values()]);
        lost.push(...newestOfGreediest(most(everywhere, (one) => one.bytes)));
      }
      return lost;
    },
    take(kind, fits) {
      const subjects = kinds.get(kind);
      for (const [subject, lines] of subjects ?? []) {
        const taken = takeOf(lines, fits);
        if (!taken) continue;
        if (lines.callers.size > 0 && subjects) toTheEnd(subjects, subject, lines);
        return taken;
      }
      return undefined;
    },
    remove,
    clear() {
      const everywhere = [...kinds.values()].flatMap((one) => [...one.values()]);
      const waiting = everywhere.flatMap(({ callers }) => [...callers.values()].flat());
      kinds.clear();
      size = 0;
      bytes = 0;
      return waiting;
    },
  };
}

function bytesOf(line: readonly WaitingTurn[]): number {
  return line.reduce((sum, waiting) => sum + waiting.bytes, 0);
}

// Of two with equally much, the later one: the other has waited longer.
function most<T>(all: readonly T[], measure: (one: T) => number): T | undefined {
  let found: T | undefined;
  let largest = 0;
  for (const one of all) {
    const size = measure(one);
    if (size >= largest) [found, largest] = [one, size];
  }
  return found;
}

function getOrAdd<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key) ?? make();
  map.set(key, known);
  return known;
}

function toTheEnd<K, V>(map: Map<K, V>, key: K, value: V): void {
  map.delete(key);
  map.set(key, value);
}
