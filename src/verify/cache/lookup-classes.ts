import { isCancelled, isSilence, isUnavailable } from "../../db/errors.ts";
import { DomainError } from "../../domain/kernel/error.ts";
import type { Loaded, LookupKey } from "./load.ts";
import { createLookupQueue, type LookupQueue } from "./lookup-queue.ts";
import { createSlowIds } from "./slow-ids.ts";

/** Look-ups on their way to the database: many ids share a statement, and a slow one delays the others only for a moment. */
export interface LookupClasses {
  /** Looks something up by a statement that is sent after this call. `known`: it exists, or did. */
  lookUp(lookupKey: LookupKey, caller: string, known: boolean): Promise<Loaded>;
}

/** What the lanes depend on. */
export interface LookupClassesDeps {
  /** Sends one statement for these. Returns their rows in the same order. Cancels the statement after the limit. */
  load(lookupKeys: readonly LookupKey[], limitMs: number): Promise<Loaded[]>;
  /** A statement succeeded, or failed because the database is away. */
  onAway(away: boolean): void;
}

interface Waiting {
  lookupKey: LookupKey;
  caller: string;
  /** When it is refused, whatever it waits for. */
  dueAt: number;
  resolve(loaded: Loaded): void;
  reject(error: unknown): void;
}

interface LookupClass {
  queue: LookupQueue<Waiting>;
  /** How many statements at once. */
  statements: number;
  /** How long one of them may run. */
  limitMs: number;
  underWay: number;
  /** Takes what the next statement looks up: at most so much. */
  take(most: number): Waiting[];
}

const maxPerStatement = 256;
const fewPerStatement = 16;
const maxWaiting = 5_000;
// Ids that were never seen, as a flood of invented ones is, share two statements; the others have these.
const knownStatements = 3;
const strangeStatements = 2;
// For what a cancelled statement had looked up: first in parts of one caller each, then one by one.
const partStatements = 1;
const aloneStatements = 2;
// A statement of 256 takes some 10 ms. These leave time for three tries within the 3 s that a caller waits at most.
const statementLimitMs = 500;
const aloneLimitMs = 1_000;
const patienceMs = 2_700;
const overdueCheckMs = 100;

/** Creates the lanes. What comes in one turn of the event loop shares a statement, which nothing joins once it was sent. */
export function createLookupClasses({ load, onAway }: LookupClassesDeps): LookupClasses {
  const slow = createSlowIds();
  const known = createFastPath(knownStatements, statementLimitMs, (queue, most) => queue.take(most));
  const strange = createFastPath(strangeStatements, statementLimitMs, (queue, most) => queue.take(most));
  const parts = createFastPath(partStatements, statementLimitMs, (queue) => queue.takeOfOne(fewPerStatement));
  const alone = createFastPath(aloneStatements, aloneLimitMs, takeOneId);
  const lookupClasses = [known, strange, parts, alone];
  const underWay = new Set<readonly Waiting[]>();
  let scheduled = false;
  let watching = false;

  function send(lookupClass: LookupClass, most: number): void {
    while (lookupClass.queue.size() > 0 && lookupClass.underWay < lookupClass.statements) {
      void run(lookupClass, lookupClass.take(Math.min(most, maxPerStatement)));
    }
  }

  async function run(lookupClass: LookupClass, batch: readonly Waiting[]): Promise<void> {
    underWay.add(batch);
    lookupClass.underWay += 1;
    let settle: () => void;
    try {
      const { lookupKeys, places } = distinct(batch);
      const sentAt = performance.now();
      const rows = await load(lookupKeys, lookupClass.limitMs);
      onAway(false);
      if (lookupClass === alone && performance.now() < sentAt + statementLimitMs) forgetSlow(batch);
      settle = () => answer(batch, rows, places);
    } catch (error) {
      settle = fail(lookupClass, batch, error);
    }
    underWay.delete(batch);
    lookupClass.underWay -= 1;
    // The database looks up the next ones while these are answered.
    send(lookupClass, share(lookupClass.queue.size()));
    setImmediate(settle);
  }

  function fail(lookupClass: LookupClass, batch: readonly Waiting[], error: unknown): () => void {
    if (isCancelled(error)) return lookupClass === alone ? refuseSlow(batch) : tryApart(lookupClass, batch);
    if (isUnavailable(error)) {
      onAway(true);
      // What waits behind a database that cannot be reached would wait as long as this did.
      if (!isSilence(error)) lookupClass.queue.refuseAll(error);
    }
    return () => refuse(batch, error);
  }

  // The database is there, and something in this statement is slow: smaller statements find out what.
  function tryApart(lookupClass: LookupClass, batch: readonly Waiting[]): () => void {
    const ids = new Set(batch.map(({ lookupKey }) => lookupKey.id));
    if (ids.size === 1) for (const id of ids) slow.add(id);
    const next = ids.size === 1 || lookupClass === parts ? alone : parts;
    for (const waiting of batch) enqueue(next, waiting);
    send(next, maxPerStatement);
    return () => {};
  }

  function refuseSlow(batch: readonly Waiting[]): () => void {
    for (const { lookupKey } of batch) slow.add(lookupKey.id);
    return () => refuse(batch, tooSlow());
  }

  function forgetSlow(batch: readonly Waiting[]): void {
    for (const { lookupKey } of batch) slow.delete(lookupKey.id);
  }

  function refuseOverdue(): void {
    const now = performance.now();
    const isOverdue = ({ dueAt }: Waiting) => dueAt <= now;
    for (const { queue } of lookupClasses) refuse(queue.takeFitting(isOverdue), tooSlow());
    for (const batch of underWay) refuse(batch.filter(isOverdue), tooSlow());
    watching = underWay.size > 0 || lookupClasses.some(({ queue }) => queue.size() > 0);
    if (watching) setTimeout(refuseOverdue, overdueCheckMs).unref();
  }

  return {
    lookUp(lookupKey, caller, isKnown) {
      const lookupClass = slow.has(lookupKey.id) ? alone : isKnown ? known : strange;
      if (!watching) setTimeout(refuseOverdue, overdueCheckMs).unref();
      watching = true;
      return new Promise((resolve, reject) => {
        enqueue(lookupClass, { lookupKey, caller, dueAt: performance.now() + patienceMs, resolve, reject });
        if (scheduled) return;
        scheduled = true;
        setImmediate(() => {
          scheduled = false;
          for (const one of lookupClasses) send(one, maxPerStatement);
        });
      });
    },
  };
}

function createFastPath(
  statements: number,
  limitMs: number,
  take: (queue: LookupQueue<Waiting>, most: number) => Waiting[],
): LookupClass {
  const overflow = () => new DomainError("UNAVAILABLE", "too many tokens are being looked up: try again");
  const queue = createLookupQueue<Waiting>(maxWaiting, overflow);
  return { queue, statements, limitMs, underWay: 0, take: (most) => take(queue, most) };
}

function enqueue({ queue }: LookupClass, waiting: Waiting): void {
  queue.push({ caller: waiting.caller, item: waiting, refuse: waiting.reject });
}

// All who wait for one id share its statement: however many they are, they take no more of the lane than one.
function takeOneId(queue: LookupQueue<Waiting>): Waiting[] {
  const [first] = queue.take(1);
  return first ? [first, ...queue.takeFitting(({ lookupKey }) => lookupKey.id === first.lookupKey.id)] : [];
}

function answer(batch: readonly Waiting[], rows: readonly Loaded[], places: readonly number[]): void {
  for (const [index, { resolve, reject }] of batch.entries()) {
    const row = rows[places[index] ?? -1];
    if (row) resolve(row);
    else reject(new Error("a load answered fewer rows than it was asked for"));
  }
}

function refuse(batch: readonly Waiting[], error: unknown): void {
  for (const { reject } of batch) reject(error);
}

function tooSlow(): DomainError {
  return new DomainError("UNAVAILABLE", "looking up this token takes too long: try again");
}

// Of a few dozen that wait not all: if one statement had everybody, nobody would be left to be answered meanwhile, and the
// database and this process would wait for each other in turns.
function share(waiting: number): number {
  if (waiting > maxPerStatement / 2) return maxPerStatement;
  return Math.max(fewPerStatement, Math.ceil(waiting / 2));
}

// Each thing is asked once, whoever asks, and `places` says where the answer to each of the batch stands.
function distinct(batch: readonly Waiting[]): { lookupKeys: LookupKey[]; places: number[] } {
  const lookupKeys: LookupKey[] = [];
  const known = new Map<string, number>();
  const places = batch.map(({ lookupKey }) => {
    const key = `${lookupKey.id} ${lookupKey.workspaceId}`;
    const place = known.get(key) ?? lookupKeys.push(lookupKey) - 1;
    known.set(key, place);
    return place;
  });
  return { lookupKeys, places };
}
