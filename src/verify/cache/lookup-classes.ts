import { isCancelled, isSilence, isUnavailable } from "../../db/errors.ts";
import { inNextTurn } from "../../domain/kernel/next-turn.ts";
import { createLargeRows } from "./large-rows.ts";
import type { Loaded, LookupKey } from "./load.ts";
import { type Batch, distinct, rejectBatch, resolveBatch, tooSlow } from "./lookup-batch.ts";
import { createLookupClass, enqueue, type LookupClass, takeOneId, type Waiting } from "./lookup-class.ts";
import { createOverdueWatch } from "./overdue-watch.ts";
import { createRecentIds } from "./recent-ids.ts";

/** Look-ups in the database. Many ids share a statement, and a slow id delays the others only for a moment. */
export interface LookupClasses {
  /** Looks an id up by a statement that is sent after this call. `known`: the id exists, or did. */
  lookUp(lookupKey: LookupKey, caller: string, known: boolean): Promise<Loaded>;
}

/** What the look-ups depend on. */
export interface LookupClassesDeps {
  /** Sends one statement. Returns its rows in the order of the lookup keys. Cancels the statement after the limit. */
  load(lookupKeys: readonly LookupKey[], limitMs: number): Promise<Loaded[]>;
  /** Called with false when a statement succeeded, and with true when it failed because the database is unreachable. */
  onUnreachable(unreachable: boolean): void;
  /** Unset: the limits of production. Only a benchmark sets others. */
  limits?: LookupLimits | undefined;
}

/** How many look-ups share a statement, and how many statements for ids that the cache has never seen run at once. */
export interface LookupLimits {
  maxPerStatement: number;
  unseenStatements: number;
}

const maxPerStatement = 256;
const fewPerStatement = 16;
// Ids that the cache has never seen share two statements, because a flood of invented tokens consists of them. Known ids
// have their own statements.
const knownStatements = 3;
const unseenStatements = 2;
// Large rows are read a few at a time, of one caller each. Then they delay no other row, neither in the database nor while
// this process converts them.
const largeStatements = 1;
const maxLargePerStatement = 4;
// For the ids of a cancelled statement: first in parts of one caller each, then one by one.
const partStatements = 1;
const singleStatements = 2;
// A statement of 256 look-ups takes about 10 ms. These limits allow three attempts before a look-up is overdue.
const statementLimitMs = 500;
const singleLimitMs = 1_000;
const overdueAfterMs = 2_700;
const production: LookupLimits = { maxPerStatement, unseenStatements };

/**
 * Creates the look-ups. Look-ups of one turn of the event loop share a statement. No look-up joins a statement that was
 * already sent.
 */
export function createLookupClasses({
  load,
  onUnreachable,
  limits = production,
}: LookupClassesDeps): LookupClasses {
  const classes = createClasses(limits);
  const inFlight = new Set<Batch>();
  const watchOverdue = createOverdueWatch(classes.all, inFlight);
  const sendAllInNextTurn = inNextTurn(() => {
    for (const one of classes.all) send(one, maxPerStatement);
  });

  function send(lookupClass: LookupClass, most: number): void {
    while (lookupClass.queue.size() > 0 && lookupClass.inFlight < lookupClass.statements) {
      void run(lookupClass, lookupClass.take(Math.min(most, limits.maxPerStatement)));
    }
  }

  async function run(lookupClass: LookupClass, batch: Batch): Promise<void> {
    inFlight.add(batch);
    lookupClass.inFlight += 1;
    let settle: () => void;
    try {
      const { lookupKeys, places } = distinct(batch);
      const sentAt = performance.now();
      const rows = await load(lookupKeys, lookupClass.limitMs);
      onUnreachable(false);
      if (performance.now() < sentAt + statementLimitMs) classes.wasFast(lookupClass, batch);
      classes.saw(batch, rows, places);
      settle = () => resolveBatch(batch, rows, places);
    } catch (error) {
      settle = fail(lookupClass, batch, error);
    }
    inFlight.delete(batch);
    lookupClass.inFlight -= 1;
    // The database runs the next statement while this process resolves these look-ups.
    send(lookupClass, shareOf(lookupClass.queue.size()));
    setImmediate(settle);
  }

  function fail(lookupClass: LookupClass, batch: Batch, error: unknown): () => void {
    if (isCancelled(error)) {
      // The database is reachable, and an id of this statement is slow. Smaller statements find out which one.
      const smaller = classes.afterCancellation(lookupClass, batch);
      if (!smaller) return () => rejectBatch(batch, tooSlow());
      for (const waiting of batch) enqueue(smaller, waiting);
      send(smaller, maxPerStatement);
      return () => {};
    }
    if (isUnavailable(error)) onUnreachable(true);
    // A look-up in the queue would wait for an unreachable database as long as this one did.
    if (isUnavailable(error) && !isSilence(error)) lookupClass.queue.rejectAll(error);
    return () => rejectBatch(batch, error);
  }

  return {
    lookUp(lookupKey, caller, known) {
      watchOverdue();
      return new Promise((resolve, reject) => {
        const waiting = { lookupKey, caller, dueAt: performance.now() + overdueAfterMs, resolve, reject };
        enqueue(classes.of(waiting, known), waiting);
        sendAllInNextTurn();
      });
    },
  };
}

// The five classes, and which ids are slow: a slow id is looked up alone.
function createClasses(limits: LookupLimits) {
  const slow = createRecentIds();
  const largeRows = createLargeRows();
  const known = createLookupClass(knownStatements, statementLimitMs, (queue, most) => queue.take(most));
  const unseen = createLookupClass(limits.unseenStatements, statementLimitMs, (queue, most) =>
    queue.take(most),
  );
  const large = createLookupClass(largeStatements, statementLimitMs, (queue) =>
    queue.takeOfOneCaller(maxLargePerStatement),
  );
  const parts = createLookupClass(partStatements, statementLimitMs, (queue) =>
    queue.takeOfOneCaller(fewPerStatement),
  );
  const single = createLookupClass(singleStatements, singleLimitMs, takeOneId);
  return {
    all: [known, unseen, large, parts, single],
    of(waiting: Waiting, isKnown: boolean): LookupClass {
      if (slow.has(waiting.lookupKey.id)) return single;
      if (largeRows.expects(waiting, isKnown)) return large;
      return isKnown ? known : unseen;
    },
    saw: largeRows.saw,
    /** Records that a statement was fast: an id that was looked up alone is then no longer slow. */
    wasFast(lookupClass: LookupClass, batch: Batch): void {
      if (lookupClass === single) for (const id of idsOf(batch)) slow.delete(id);
    },
    /** Returns the class of smaller statements for a cancelled one, or undefined if there is none. */
    afterCancellation(lookupClass: LookupClass, batch: Batch): LookupClass | undefined {
      const ids = idsOf(batch);
      if (ids.size === 1) for (const id of ids) slow.add(id);
      if (lookupClass === single) return undefined;
      return ids.size === 1 || lookupClass === parts ? single : parts;
    },
  };
}

function idsOf(batch: Batch): Set<string> {
  return new Set(batch.map(({ lookupKey }) => lookupKey.id));
}

// The next statement takes half of a few dozen look-ups, not all of them. If it took all, none would be left to resolve
// meanwhile, and the database and this process would wait for each other in turn.
function shareOf(waiting: number): number {
  if (waiting > maxPerStatement / 2) return maxPerStatement;
  return Math.max(fewPerStatement, Math.ceil(waiting / 2));
}
