import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { sql } from "kysely";
import type { Db } from "../../db/connect.ts";
import { openListener } from "../../db/listen.ts";
import { feedChannel, parseFeedMessage } from "../../verify/coherence/feed-message.ts";
import { leaseMs } from "../../verify/coherence/lease.ts";
import { readLeaseRegistry } from "../../verify/coherence/lease-registry.ts";
import { type Finding, failed, messageOf, ok, skipped, warning } from "./finding.ts";

/** The database of a server, and the address of its change feed. */
export interface FeedSource {
  db: Db;
  listenUrl: string;
  timing: FeedTiming;
}

/** How long the checks of the feed wait. */
export interface FeedTiming {
  /** For a notification that does not come back. */
  patienceMs: number;
  /** For the heartbeats of all instances. */
  listenMs: number;
}

/** Every instance sends four heartbeats per lease, so each is heard twice. */
export const defaultFeedTiming: FeedTiming = { patienceMs: 2_000, listenMs: leaseMs / 2 + 100 };

/** What the checks of the feed found. */
export interface FeedReport {
  findings: Finding[];
  /** The number of instances whose heartbeats arrived. Undefined if the feed does not work. */
  instances: number | undefined;
}

const slowMs = 500;

const direct =
  "Set LATCHKEY_DATABASE_LISTEN_URL to the address of Postgres itself, without a connection pooler in between.";
const noFeed =
  "Without the change feed, an instance may not answer from its cache, and every change takes a second longer.";

/** Sends a notification through the database and waits for it on the connection of the change feed. Then counts heartbeats. */
export async function examineFeed({ db, listenUrl, timing }: FeedSource): Promise<FeedReport> {
  const channel = `latchkey_doctor_${randomBytes(9).toString("hex")}`;
  const leases = new Map<string, number>();
  const arrival = Promise.withResolvers<number>();
  // The connection may end when no caller waits any more.
  arrival.promise.catch(() => {});
  const listener = await openListener(listenUrl, [channel, feedChannel], {
    onMessage(payload) {
      if (payload === channel) arrival.resolve(performance.now());
      const message = parseFeedMessage(payload);
      if (message?.kind === "heartbeat") leases.set(message.instance, message.leaseMs);
    },
    onLost: () => arrival.reject(new Error("the connection was lost")),
  }).catch((error: unknown) => messageOf(error));
  if (typeof listener === "string") return broken(`the change feed cannot be opened: ${listener}`);
  try {
    const began = performance.now();
    const { rows } = await sql<{ start: string }>`
      select pg_postmaster_start_time()::text as start, pg_notify(${channel}, ${channel})`.execute(db);
    if (rows[0]?.start !== listener.serverStart)
      return broken("LATCHKEY_DATABASE_URL and LATCHKEY_DATABASE_LISTEN_URL lead to different servers");
    const ms = await within(arrival.promise, began, timing.patienceMs);
    if (ms === undefined)
      return broken(`a notification did not come back within ${timing.patienceMs / 1000} s`);
    await delay(timing.listenMs);
    return { findings: [roundTrip(ms), await leaseFinding(db, leases)], instances: leases.size };
  } catch (error) {
    return broken(`the change feed does not work: ${messageOf(error)}`);
  } finally {
    listener.close();
  }
}

async function within(arrived: Promise<number>, began: number, patienceMs: number) {
  const arrivedAt = await Promise.race([arrived, delay(patienceMs, undefined, { ref: false })]);
  return arrivedAt === undefined ? undefined : arrivedAt - began;
}

function broken(what: string): FeedReport {
  return {
    findings: [
      failed("feed", { what, why: noFeed, remedy: direct }),
      skipped("lease", "the leases of the instances are only visible on the change feed"),
    ],
    instances: undefined,
  };
}

function roundTrip(ms: number): Finding {
  const what = `a notification came back through the change feed in ${Math.ceil(ms)} ms`;
  if (ms < slowMs) return ok("feed", what);
  const remedy = "Check the load of the database and the network to it.";
  return warning("feed", { what, why: "Every change takes at least as long until it is effective.", remedy });
}

/** Checks that changes know how long the leases of all instances are. */
async function leaseFinding(db: Db, leases: ReadonlyMap<string, number>): Promise<Finding> {
  if (leases.size === 0) return ok("lease", "no instance holds a lease, so no change waits for one");
  const longest = Math.max(...leases.values());
  const registered = await readLeaseRegistry(db, leaseMs);
  const count = leases.size === 1 ? "1 instance runs" : `${leases.size} instances run`;
  const what = `${count}; the longest lease is ${longest / 1000} s`;
  if (longest > registered) {
    const why = `Changes wait at most ${registered / 1000} s for a silent instance, so it could accept a revoked key.`;
    const remedy = "Restart the instance that has LATCHKEY_MAX_STALENESS, and report this as a bug.";
    return failed("lease", { what: `${what}, which is not in the lease registry`, why, remedy });
  }
  if (longest <= leaseMs) return ok("lease", what);
  const why = `While an instance is silent, every change takes up to ${longest / 1000} s.`;
  const remedy = "If that is too long, lower LATCHKEY_MAX_STALENESS on that instance.";
  return warning("lease", { what, why, remedy });
}
