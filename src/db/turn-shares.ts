/**
 * What a connection is for. A `withdrawal` takes something away: it revokes, disables, suspends, logs out or deletes. A
 * `public` change has no bearer. `background` is work that no call waits for.
 */
export type TurnKind = "withdrawal" | "change" | "public" | "read" | "background";

/** The kind of work that takes a connection, its subjects and its caller. The pool shares its connections between these. */
export interface Turn {
  kind: TurnKind;
  /** The accounts and users that are changed or read, by id, or else the client address. The turn waits in the line of the first. */
  subjects: readonly string[];
  /** The credential, or the address of a client without one. Each caller has its own line. */
  caller: string;
  /** Whether the caller has limits of its own. An address has none, because many people may share it. */
  limited: boolean;
  /** Returns the size of the request, which stays in memory while the turn waits. Called only if the turn must wait. */
  bytes?(): number;
}

/** A part of the pool: how many connections some kinds take together, in total, for one subject and for one credential. */
export interface Share {
  kinds: readonly TurnKind[];
  most: number;
  perSubject: number;
  perCredential: number;
}

/** The maximum number of connections that the calls of one account hold at a time, without withdrawals. */
export const connectionsPerAccount = 5;
const changesPerAccount = 4;
const changesPerCredential = 3;
const readsPerAccount = 3;
const publicChangesPerTarget = 1;
// `RevokeApiKeys` takes two of them, and other withdrawals the third.
const withdrawalsPerAccount = 3;
const maxBackgroundConnections = 3;
const connectionsPerTask = 2;

const all: readonly TurnKind[] = ["withdrawal", "change", "public", "read", "background"];

/**
 * Returns the shares of a pool. A fifth of the pool is reserved for withdrawals. Of the rest, neither changes nor reads can
 * take all. Public changes take at most half of the share of changes.
 */
export function sharesOf(poolSize: number): Share[] {
  const reserved = poolSize < 3 ? 0 : Math.max(1, Math.floor(poolSize / 5));
  const ordinary = poolSize - reserved;
  const part = Math.max(1, ordinary - Math.max(1, Math.floor(ordinary / 4)));
  return [
    share(all, poolSize, poolSize),
    share(all.slice(1), ordinary, connectionsPerAccount),
    share(["change", "public"], part, changesPerAccount, changesPerCredential),
    share(["public"], Math.max(1, Math.floor(part / 2)), publicChangesPerTarget),
    share(["read"], part, readsPerAccount),
    share(["background"], Math.min(part, maxBackgroundConnections), connectionsPerTask),
    share(["withdrawal"], part, withdrawalsPerAccount),
  ];
}

function share(
  kinds: readonly TurnKind[],
  most: number,
  perSubject: number,
  perCredential = perSubject,
): Share {
  return { kinds, most, perSubject, perCredential };
}

/** Counts the turns that run. */
export interface RunningTurns {
  /**
   * Returns whether a turn fits into each share of its kind, for all its subjects. The last free connection of a share goes
   * only to a subject that has no connection of that share.
   */
  fits(turn: Turn): boolean;
  /** Returns whether the shares of a kind have room for another turn, or for another turn of one subject. */
  hasRoom(kind: TurnKind, subject?: string): boolean;
  add(turn: Turn): void;
  remove(turn: Turn): void;
}

type Counts = Record<TurnKind, number>;
const none: Readonly<Counts> = { withdrawal: 0, change: 0, public: 0, read: 0, background: 0 };

/** Creates the counts of a pool without running turns. */
export function createRunningTurns(shares: readonly Share[]): RunningTurns {
  const total = { ...none };
  const bySubject = new Map<string, Counts>();
  const byCredential = new Map<string, Counts>();
  const sharesByKind = new Map(
    all.map((kind) => [kind, shares.filter(({ kinds }) => kinds.includes(kind))] as const),
  );
  const sharesOfKind = (kind: TurnKind) => sharesByKind.get(kind) ?? [];

  function count({ kind, subjects, caller, limited }: Turn, by: 1 | -1): void {
    total[kind] += by;
    for (const subject of new Set(subjects)) countIn(bySubject, subject, kind, by);
    if (limited) countIn(byCredential, caller, kind, by);
  }

  function leavesRoom(share: Share, { subjects, caller }: Turn): boolean {
    if (sum(byCredential.get(caller), share.kinds) >= share.perCredential) return false;
    return subjects.every((subject) => leavesRoomFor(share, subject));
  }

  const freeIn = ({ kinds, most }: Share) => most - sum(total, kinds);

  function leavesRoomFor(share: Share, subject: string): boolean {
    const { kinds, perSubject } = share;
    const free = freeIn(share);
    const running = sum(bySubject.get(subject), kinds);
    return free > 0 && (running === 0 || (running < perSubject && free > 1));
  }

  return {
    fits: (turn) => sharesOfKind(turn.kind).every((share) => leavesRoom(share, turn)),
    hasRoom: (kind, subject) =>
      sharesOfKind(kind).every((share) =>
        subject === undefined ? freeIn(share) > 0 : leavesRoomFor(share, subject),
      ),
    add: (turn) => count(turn, 1),
    remove: (turn) => count(turn, -1),
  };
}

function countIn(counted: Map<string, Counts>, name: string, kind: TurnKind, by: 1 | -1): void {
  const counts = counted.get(name) ?? { ...none };
  counts[kind] += by;
  if (sum(counts, all) === 0) counted.delete(name);
  else counted.set(name, counts);
}

function sum(counts: Counts | undefined, kinds: readonly TurnKind[]): number {
  let total = 0;
  if (counts) for (const kind of kinds) total += counts[kind];
  return total;
}
