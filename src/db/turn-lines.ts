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
  /** Takes the next turn of a kind that fits, if there is one. */
  take(kind: TurnKind, fitting: Fitting): W | undefined;
  /** Takes one out of its line. */
  remove(waiting: W): void;
  /** Takes all. */
  clear(): W[];
}

/** What fits. The first question spares the second one for each of the callers that wait for a busy subject. */
export interface Fitting {
  hasRoom(kind: TurnKind, subject: string): boolean;
  fits(turn: Turn): boolean;
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

  const everywhere = () => [...kinds.values()].flatMap((one) => [...one.values()]);
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
    const first = [...lines.callers.values()].find(([one]) => one && fits(one.turn))?.[0];
    if (!first) return undefined;
    remove(first);
    toTheEnd(lines.callers, first.turn.caller);
    return first;
  }

  return {
    size: () => size,
    hasLine: (turn) => linesOf(turn)?.callers.has(turn.caller) ?? false,
    push(waiting) {
      const { kind, subjects, caller } = waiting.turn;
      const ofKind = getOrAdd(kinds, kind, () => new Map<string, Lines<W>>());
      const lines = getOrAdd(ofKind, subjects[0] ?? "", () => ({ bytes: 0, callers: new Map() }));
      getOrAdd(lines.callers, caller, () => []).push(waiting);
      lines.bytes += waiting.bytes;
      bytes += waiting.bytes;
      size += 1;
      const lost: W[] = [];
      while (lines.bytes > limits.perSubject) lost.push(...newestOfGreediest(lines));
      while (bytes > limits.inTotal) lost.push(...newestOfGreediest(most(everywhere(), (one) => one.bytes)));
      return lost;
    },
    take(kind, { hasRoom, fits }) {
      const subjects = kinds.get(kind) ?? new Map<string, Lines<W>>();
      for (const [subject, lines] of subjects) {
        const taken = hasRoom(kind, subject) ? takeOf(lines, fits) : undefined;
        if (taken) toTheEnd(subjects, subject);
        if (taken) return taken;
      }
      return undefined;
    },
    remove,
    clear() {
      const waiting = everywhere().flatMap(({ callers }) => [...callers.values()].flat());
      kinds.clear();
      [size, bytes] = [0, 0];
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

// Who was served last is served last next time.
function toTheEnd<K, V>(map: Map<K, V>, key: K): void {
  const value = map.get(key);
  if (value === undefined) return;
  map.delete(key);
  map.set(key, value);
}
