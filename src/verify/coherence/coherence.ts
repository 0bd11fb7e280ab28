import { randomBytes } from "node:crypto";
import { sql } from "kysely";
import type { Change, Changes } from "../../db/changes.ts";
import type { Db } from "../../db/connect.ts";
import { isReadOnly } from "../../db/errors.ts";
import { type Listener, openListener } from "../../db/listen.ts";
import { DomainError } from "../../domain/kernel/error.ts";
import { createAcknowledgements, type Settled } from "./acknowledge.ts";
import { answerChannel, createAcks } from "./acks.ts";
import type { Clock } from "./clock.ts";
import { createHeartbeats } from "./heartbeats.ts";
import { createLease, type Lease, type LeaseLength, marginMs } from "./lease.ts";
import { createLongLease, readLeaseRegistry } from "./lease-registry.ts";

/** What keeps a memory of this process coherent with the database. */
export interface Coherence extends Changes, Pick<Lease, "time" | "staleTime"> {
  /**
   * The server that is known to be the primary: that of the feed, under a lease. When it started; undefined: none is known. A
   * load from any other server is not to be kept.
   */
  primary(): string | undefined;
  /** Waits until what has committed before is applied everywhere. */
  barrier(): Promise<unknown>;
  /** Resolves when the first beat came back, or after `timeoutMs`: to be warm before the first call. */
  ready(timeoutMs: number): Promise<void>;
  /** Says goodbye, so that nobody waits for this instance, and stops. */
  stop(): Promise<void>;
}

/** The change feed is open, was lost, or cannot be opened because its URL leads to a standby. */
export type FeedState = "open" | "lost" | "standby";

/** What coherence depends on. */
export interface CoherenceDeps extends LeaseLength {
  /** The pool that loads use: a beat through it proves that what loads see is what the feed tells of. */
  db: Db;
  listenUrl: string;
  clock: Clock;
  /** Called synchronously, in the order of the feed: forget everything with one of these tags. `*` is everything. */
  invalidate(tags: readonly string[]): void;
  /** The feed was lost: keep nothing of what is being loaded. */
  onLost(): void;
  /** Called when the state of the feed changes. */
  onFeed(state: FeedState): void;
  /** Called with how long a change waited for how many other instances, and how that ended. */
  onSettled(how: Settled, milliseconds: number, others: number): void;
  /** Called when a statement of ours failed, for the log. */
  onError(error: unknown): void;
}

const channel = "latchkey";
const heartbeatsPerLease = 4;
const reconnectMs = 100;
// A standby stays one until it is promoted, or the URL leads elsewhere.
const standbyReconnectMs = 1_000;
const everything = ["*"];
// What instances say, by the random name of each: a mark `m`, an answer to marks `a`, a beat `b` with its lease, goodbye `x`.
const instanceWords = /^([mabx]) ([0-9a-f]{18})(?: (\d{1,15}))?(?: (\d{1,6}))?$/;
// A change that is not acknowledged after this is not as usual.
const unusualMs = 100;
// How long after its end a wait hangs on a database that does not answer.
const unknownMs = 500;
// What an answer takes on its way to a caller who does not wait longer.
const answerMs = 25;

/** Starts to follow the change feed. The protocol and why it holds: docs/verification.md. */
export function startCoherence(deps: CoherenceDeps): Coherence {
  const { db, listenUrl, clock, leaseMs, maxStalenessMs, invalidate, onLost, onSettled } = deps;
  let stopped = false;
  // What fails while all ends is no news.
  const onError = (error: unknown) => {
    if (!stopped) deps.onError(error);
  };
  const self = randomBytes(9).toString("hex");
  const ownLeaseMs = leaseMs + maxStalenessMs;
  const acknowledgements = createAcknowledgements(self, ownLeaseMs, clock);
  const lease = createLease(clock, deps, () => invalidate(everything));
  const longLease = createLongLease(db, ownLeaseMs, leaseMs, clock.monotonic);
  const acks = createAcks(db, self, onError);
  const waitingForHeartbeat = new Set<() => void>();
  let listener: Listener | undefined;
  // Which connection of the feed this is: what comes from an earlier one is not heard any more.
  let epoch = 0;
  let lastHeartbeatAt = clock.monotonic();
  let reconnect: NodeJS.Timeout | undefined;
  let feedState: FeedState = "lost";

  function tellFeed(state: FeedState): void {
    if (state !== feedState) deps.onFeed(state);
    feedState = state;
  }

  const heartbeats = createHeartbeats({
    db,
    clock,
    channel,
    words: (number) => `b ${self} ${number} ${ownLeaseMs}`,
    server: () => listener?.serverStart,
    onConfirmed(sentAt, databaseTime) {
      lastHeartbeatAt = clock.monotonic();
      lease.confirm(sentAt, databaseTime);
      for (const wake of waitingForHeartbeat) wake();
      waitingForHeartbeat.clear();
    },
    onWrongServer: () => listener?.close(),
    onError,
  });

  async function open(): Promise<void> {
    epoch += 1;
    const mine = epoch;
    lastHeartbeatAt = clock.monotonic();
    let opened: Listener | undefined;
    try {
      opened = await openListener(listenUrl, [channel, answerChannel(self)], {
        onMessage: (payload) => mine === epoch && receive(payload),
        onLost: () => mine === epoch && lost(),
      });
      // Whoever declares a long lease after this is heard beating.
      const longest = await readLeaseRegistry(db, leaseMs);
      if (mine !== epoch || stopped) return opened.close();
      // What was loaded before LISTEN stood may have changed unheard.
      invalidate(everything);
      lease.end();
      listener = opened;
      tellFeed("open");
      heartbeats.reset();
      acknowledgements.opened(longest);
      lastHeartbeatAt = clock.monotonic();
      heartbeat();
    } catch (error) {
      if (isReadOnly(error)) leadsToStandby();
      else onError(error);
      opened?.close();
    }
  }

  // Told once, and not at every try.
  function leadsToStandby(): void {
    if (stopped) return;
    tellFeed("standby");
    clearTimeout(reconnect);
    reconnect = setTimeout(open, standbyReconnectMs);
  }

  function lost(): void {
    epoch += 1;
    if (feedState === "open") tellFeed("lost");
    listener = undefined;
    heartbeats.reset();
    onLost();
    lease.suspend();
    if (maxStalenessMs === 0) invalidate(everything);
    acknowledgements.lost();
    if (!stopped) reconnect = setTimeout(open, reconnectMs);
  }

  function receive(payload: string): void {
    const [, kind, boot = "", number = "", ms] = instanceWords.exec(payload) ?? [];
    if (payload.startsWith("i ")) invalidate(payload.slice(2).split(" "));
    else if (kind === "a") acknowledgements.answered(boot, Number(number));
    else if (kind === "m" && boot === self) acknowledgements.received(Number(number));
    else if (kind === "m") acks.enqueueAck(boot, number);
    else if (kind === "b" && ms !== undefined) {
      acknowledgements.seen(boot, Number(ms));
      if (boot === self) heartbeats.received(number);
    } else if (kind === "x") acknowledgements.left(boot);
  }

  function heartbeat(): void {
    longLease.declare().then(heartbeats.send).catch(onError);
  }

  const ticks = setInterval(() => {
    // A listener that lags is cut off, not believed.
    if (listener && clock.monotonic() - lastHeartbeatAt > 2 * leaseMs) listener.close();
    else if (listener) heartbeat();
  }, leaseMs / heartbeatsPerLease);

  async function settle(change: number, timeLeftMs?: number): Promise<void> {
    if (timeLeftMs === undefined) return settleInTime(change);
    // What the caller would not hear of in time is told before its time is over.
    const told = sleep(Math.max(0, timeLeftMs - answerMs)).then(refusePending);
    return Promise.race([settleInTime(change), told]);
  }

  async function settleInTime(change: number): Promise<void> {
    const committedAt = clock.monotonic();
    const others = acknowledgements.others();
    let how: Settled | undefined;
    // Whoever has a longer lease than we heard of declared it before this change was made.
    const longest = sleep(unusualMs).then(() =>
      how === undefined ? readLeaseRegistry(db, leaseMs) : leaseMs,
    );
    longest.catch(() => undefined);
    how = await acknowledgements.settle(change);
    if (how === "timed out") {
      const bound = await Promise.race([longest, sleep(unknownMs).then(refuseUnknown)]);
      const left = committedAt + bound + marginMs - clock.monotonic();
      if (left > 0) await sleep(left);
    }
    onSettled(how, clock.monotonic() - committedAt, others);
  }

  function begin(): Change {
    const change = acknowledgements.begin();
    return {
      changeMarker: `m ${self} ${change}`,
      settle: (timeLeftMs) => settle(change, timeLeftMs),
      abandon: () => acknowledgements.abandon(change),
    };
  }

  void open();
  return {
    time: lease.time,
    staleTime: lease.staleTime,
    primary: () => (lease.time() === undefined ? undefined : listener?.serverStart),
    begin,
    patienceMs: acknowledgements.patienceMs,
    async barrier() {
      const change = begin();
      try {
        await sql`select pg_notify(${channel}, ${change.changeMarker})`.execute(db);
      } catch (error) {
        change.abandon();
        throw error;
      }
      return change.settle();
    },
    ready(timeoutMs) {
      if (lease.time() !== undefined) return Promise.resolve();
      return new Promise((resolve) => {
        const timer = setTimeout(resolve, timeoutMs);
        waitingForHeartbeat.add(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    },
    async stop() {
      stopped = true;
      clearInterval(ticks);
      clearTimeout(reconnect);
      acks.stop();
      lease.end();
      invalidate(everything);
      // Without a feed nobody is reached, and nobody waits for long.
      if (listener) await sql`select pg_notify(${channel}, ${`x ${self}`})`.execute(db).catch(onError);
      listener?.close();
    },
  };
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}

function refuseUnknown(): never {
  throw new DomainError(
    "UNAVAILABLE",
    "the change was made, but not whether it holds everywhere: make it again to know",
  );
}

function refusePending(): never {
  throw new DomainError(
    "REVOCATION_PENDING",
    "the change was made, and your time is over before it was known to hold everywhere: make it again to know",
  );
}
