import { setTimeout as wait } from "node:timers/promises";
import pg from "pg";
import type { Way } from "../test/support/database/proxy.ts";
import type { GuardedService } from "./guard.ts";
import type { Instance } from "./instance.ts";
import { signalIfThere } from "./signal.ts";

/** The name of a fault of an instance or of the database. */
export type Fault = keyof typeof faults;
/** The name of a fault of a guard or of its connections. */
export type GuardFault = keyof typeof guardFaults;

/** What a fault acts on. */
export interface FaultTarget {
  /** The instance that a fault of one instance acts on. */
  instance: Instance;
  databaseUrl: string;
  /** Returns the id of the Postgres process. */
  postgres(): number;
  /** The longest time, in milliseconds, that a fault lasts. */
  longestMs: number;
}

const between = (from: number, to: number) => from + Math.random() * (to - from);
const randomWay = (): Way | undefined =>
  [undefined, "there", "back"][Math.floor(Math.random() * 3)] as Way | undefined;

/** All faults. Each breaks something, waits and repairs it. */
export const faults = {
  /** Kills the process of the instance and starts it again a moment later. */
  async kill({ instance }: FaultTarget) {
    instance.signal("SIGKILL");
    await instance.exited();
    await wait(between(0, 1_500));
    await instance.start();
  },
  /** Stops the process and continues it, as a suspended machine or a long pause does. */
  async stop({ instance, longestMs }: FaultTarget) {
    instance.signal("SIGSTOP");
    await wait(between(500, longestMs));
    instance.signal("SIGCONT");
  },
  /** Holds back the traffic of the change feed, in one direction or both. It arrives much later. */
  async feedHeld({ instance, longestMs }: FaultTarget) {
    instance.feed.hold(randomWay());
    await wait(between(500, longestMs));
    instance.feed.release();
  },
  /** Breaks the connection of the change feed. */
  async feedCut({ instance }: FaultTarget) {
    instance.feed.cut();
  },
  /** Delays the traffic of the change feed. */
  async feedLate({ instance, longestMs }: FaultTarget) {
    instance.feed.delay(between(100, 1_300));
    await wait(between(500, longestMs));
    instance.feed.release();
  },
  /** Holds back all traffic between the instance and the database, in one direction or both. */
  async network({ instance, longestMs }: FaultTarget) {
    const way = randomWay();
    for (const proxy of [instance.feed, instance.pool]) proxy.hold(way);
    await wait(between(500, longestMs));
    for (const proxy of [instance.feed, instance.pool]) proxy.release();
  },
  /** Delays statements but not the change feed. */
  async poolLate({ instance, longestMs }: FaultTarget) {
    instance.pool.delay(between(50, 600));
    await wait(between(500, longestMs));
    instance.pool.release();
  },
  /** Stops one Postgres process that serves a change feed, and continues it. */
  async backendStopped({ databaseUrl, longestMs }: FaultTarget) {
    const pid = await randomFeedBackend(databaseUrl);
    if (pid === undefined || !signalIfThere(pid, "SIGSTOP")) return;
    await wait(between(500, longestMs));
    signalIfThere(pid, "SIGCONT");
  },
  /** Kills one Postgres process. Postgres then ends all others and recovers. */
  async databaseCrash({ databaseUrl }: FaultTarget) {
    const pid = await randomFeedBackend(databaseUrl);
    if (pid !== undefined) signalIfThere(pid, "SIGKILL");
    await wait(3_000);
  },
  /** Kills the main process of Postgres. Its supervisor starts it again. */
  async databaseKill({ postgres }: FaultTarget) {
    signalIfThere(postgres(), "SIGKILL");
    await wait(5_000);
  },
};

/** What a fault of a guard acts on. */
export interface GuardTarget extends Pick<FaultTarget, "longestMs"> {
  guard: GuardedService;
}

/** All faults of guards. */
export const guardFaults = {
  /** Kills the process of the guard and starts it again. */
  async guardKill({ guard }: GuardTarget) {
    guard.signal("SIGKILL");
    await guard.exited();
    await wait(between(0, 1_000));
    await guard.start();
  },
  /** Stops the process of the guard and continues it. */
  async guardStop({ guard, longestMs }: GuardTarget) {
    guard.signal("SIGSTOP");
    await wait(between(300, longestMs));
    guard.signal("SIGCONT");
  },
  /** Holds back the traffic between the guard and its instance, in one direction or both. */
  async streamHeld({ guard, longestMs }: GuardTarget) {
    guard.link.hold(randomWay());
    await wait(between(300, longestMs));
    guard.link.release();
  },
  /** Breaks the connections of the guard. */
  async streamCut({ guard }: GuardTarget) {
    guard.link.cut();
  },
  /** Delays the traffic between the guard and its instance. */
  async streamLate({ guard, longestMs }: GuardTarget) {
    guard.link.delay(between(50, 1_000));
    await wait(between(300, longestMs));
    guard.link.release();
  },
};

/** The faults that affect every instance at once. */
export const globalFaults: ReadonlySet<Fault> = new Set<Fault>([
  "backendStopped",
  "databaseCrash",
  "databaseKill",
]);

async function randomFeedBackend(databaseUrl: string): Promise<number | undefined> {
  const client = new pg.Client({ connectionString: databaseUrl, connectionTimeoutMillis: 2_000 });
  client.on("error", () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query<{ pid: number }>(
      "select pid from pg_stat_activity where application_name = 'latchkey feed' order by random() limit 1",
    );
    return rows[0]?.pid;
  } catch {
    return undefined;
  } finally {
    await client.end().catch(() => undefined);
  }
}
