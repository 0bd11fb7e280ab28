import { isUnavailable } from "../db/errors.ts";
import { DomainError } from "../domain/error.ts";
import { type Cache, tagsOf } from "./cache.ts";
import type { Coherence } from "./coherence.ts";
import type { Ask, Loaded } from "./load.ts";
import { createLookupQueue, type LookupQueue } from "./lookup-queue.ts";

/** Answers what verdicts need: from memory where that is coherent, else from the database. */
export interface Loader {
  /** What memory knows of an ask, if it may be served at this moment. */
  recall(ask: Ask): Loaded | undefined;
  /** Whether memory may be served at this moment and would say of something what it said, before a time. */
  holds(loaded: Loaded, until: Date | undefined): boolean;
  /**
   * The answer of the database, by a statement that is sent after this call. While the database is away, what may be stale
   * instead, unless that must be `fresh`.
   */
  fetch(ask: Ask, by: { caller: string; fresh: boolean }): Promise<Loaded>;
}

/** What a loader tells of its work, for metrics. */
export interface LoaderObserver {
  hit(count: number): void;
  miss(count: number): void;
}

/** The fence around the loads under way: what is forgotten while a load runs must not be kept by it. */
export interface Fence {
  forget(tags: readonly string[]): void;
}

interface Waiting {
  ask: Ask;
  resolve(loaded: Loaded): void;
  reject(error: unknown): void;
}

interface Lane {
  queue: LookupQueue<Waiting>;
  /** How many statements at once. */
  most: number;
  underWay: number;
}

const maxPerStatement = 256;
const fewPerStatement = 16;
const maxWaiting = 5_000;
// Ids that were never seen, as a flood of invented ones is, share one statement at a time; the others have these.
const knownStatements = 3;
const strangeStatements = 1;
// While the database is away, how often it is tried before what may be stale is served at once.
const awayMs = 1_000;

/** Creates a loader over a cache; `load` sends one statement. Feed every invalidation to `fence` before or after the cache, in the same turn. */
export function createLoader(
  load: (asks: readonly Ask[]) => Promise<Loaded[]>,
  cache: Cache,
  coherence: () => Pick<Coherence, "time" | "staleTime" | "server">,
  observer: LoaderObserver,
): { loader: Loader; fence: Fence } {
  const overflow = () => new DomainError("UNAVAILABLE", "too many tokens are being looked up: try again");
  const lane = (most: number): Lane => ({
    queue: createLookupQueue(maxWaiting, overflow),
    most,
    underWay: 0,
  });
  const known = lane(knownStatements);
  const strange = lane(strangeStatements);
  const statements = new Set<{ seen: Set<string> }>();
  let scheduled = false;
  let awayUntil = Number.NEGATIVE_INFINITY;

  function remembered({ id, workspaceId }: Ask, time: number): Loaded | undefined {
    const credential = cache.credential(id);
    if (!credential) return undefined;
    const workspace = workspaceId === "" ? undefined : cache.workspace(workspaceId);
    if (workspaceId !== "" && !workspace) return undefined;
    return { credential, workspace, now: new Date(time) };
  }

  function enqueue(ask: Ask, caller: string): Promise<Loaded> {
    return new Promise((resolve, reject) => {
      const { queue } =
        cache.hasSeen(ask.id) && (ask.workspaceId === "" || cache.hasSeen(ask.workspaceId)) ? known : strange;
      queue.push({ caller, item: { ask, resolve, reject }, refuse: reject });
      // What is asked within one turn of the loop shares a statement. Nobody joins one that was sent.
      if (!scheduled) {
        scheduled = true;
        setImmediate(() => {
          scheduled = false;
          for (const lane of [known, strange]) send(lane, maxPerStatement);
        });
      }
    });
  }

  function send(lane: Lane, most: number): void {
    while (lane.queue.size() > 0 && lane.underWay < lane.most) {
      void run(lane, lane.queue.take(Math.min(most, maxPerStatement)));
    }
  }

  async function run(lane: Lane, batch: Waiting[]): Promise<void> {
    const statement = { seen: new Set<string>() };
    statements.add(statement);
    lane.underWay += 1;
    const { time, server } = coherence();
    const origin = time() === undefined ? undefined : server();
    let settle = () => {};
    try {
      const { asks, places } = distinct(batch);
      const rows = await load(asks);
      awayUntil = Number.NEGATIVE_INFINITY;
      for (const row of rows) if (origin !== undefined && row.server === origin) keep(row, statement.seen);
      settle = () => {
        for (const [index, { resolve, reject }] of batch.entries()) {
          const row = rows[places[index] ?? -1];
          if (row) resolve(row);
          else reject(new Error("a load answered fewer rows than it was asked for"));
        }
      };
    } catch (error) {
      settle = () => {
        for (const { reject } of batch) reject(error);
      };
      if (isUnavailable(error)) {
        awayUntil = performance.now() + awayMs;
        // What waits behind it would wait as long as it did.
        lane.queue.refuseAll(error);
      }
    }
    statements.delete(statement);
    lane.underWay -= 1;
    // The database looks up the next ones while these are answered.
    send(lane, share(lane.queue.size()));
    setImmediate(settle);
  }

  function keep({ credential, workspace }: Loaded, seen: Set<string>): void {
    if (seen.has("*")) return;
    if (credential && !seen.has(credential.id) && !tagsOf(credential).some((tag) => seen.has(tag))) {
      cache.keepCredential(credential);
    }
    if (workspace && !seen.has(workspace.accountId)) cache.keepWorkspace(workspace);
  }

  function stale(ask: Ask): Loaded | undefined {
    const time = coherence().staleTime();
    return time === undefined ? undefined : remembered(ask, time);
  }

  async function fetchOrStale(ask: Ask, caller: string): Promise<Loaded> {
    const kept = performance.now() < awayUntil ? stale(ask) : undefined;
    if (kept) return kept;
    try {
      return await enqueue(ask, caller);
    } catch (error) {
      const kept = isUnavailable(error) ? stale(ask) : undefined;
      if (kept) return kept;
      throw error;
    }
  }

  return {
    loader: {
      recall(ask) {
        const time = coherence().time();
        const loaded = time === undefined ? undefined : remembered(ask, time);
        if (loaded) observer.hit(1);
        return loaded;
      },
      holds({ credential, workspace }, until) {
        const time = coherence().time();
        if (time === undefined || !credential || (until && until.getTime() <= time)) return false;
        if (cache.credential(credential.id) !== credential) return false;
        if (workspace && cache.workspace(workspace.id) !== workspace) return false;
        observer.hit(1);
        return true;
      },
      fetch(ask, { caller, fresh }) {
        observer.miss(1);
        return fresh ? enqueue(ask, caller) : fetchOrStale(ask, caller);
      },
    },
    fence: {
      forget(tags) {
        for (const { seen } of statements) for (const tag of tags) seen.add(tag);
      },
    },
  };
}

// Of a few dozen that wait not all: if one statement had everybody, nobody would be left to be answered meanwhile, and the
// database and this process would wait for each other in turns.
function share(waiting: number): number {
  if (waiting > maxPerStatement / 2) return maxPerStatement;
  return Math.max(fewPerStatement, Math.ceil(waiting / 2));
}

// Each thing is asked once, whoever asks, and `places` says where the answer to each of the batch stands.
function distinct(batch: readonly Waiting[]): { asks: Ask[]; places: number[] } {
  const asks: Ask[] = [];
  const known = new Map<string, number>();
  const places = batch.map(({ ask }) => {
    const key = `${ask.id} ${ask.workspaceId}`;
    const place = known.get(key) ?? asks.push(ask) - 1;
    known.set(key, place);
    return place;
  });
  return { asks, places };
}
