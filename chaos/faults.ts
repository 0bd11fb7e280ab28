import { setTimeout as wait } from "node:timers/promises";
import pg from "pg";
import type { Way } from "../test/support/database/proxy.ts";
import type { Instance } from "./instance.ts";

/** What can be done to an instance, or to the database under all of them. */
export type Fault = keyof typeof faults;

/** Where faults strike. */
export interface Victims {
  /** An instance that they may strike. */
  instance: Instance;
  databaseUrl: string;
  /** The process of Postgres. */
  postgres(): number;
  /** Up to so long, in milliseconds, things stay broken. */
  longestMs: number;
}

const between = (from: number, to: number) => from + Math.random() * (to - from);
const someWay = (): Way | undefined =>
  [undefined, "there", "back"][Math.floor(Math.random() * 3)] as Way | undefined;

/** Each breaks something, waits, and mends it. */
export const faults = {
  /** The process is killed, and started again a moment later. */
  async kill({ instance }: Victims) {
    instance.signal("SIGKILL");
    await instance.gone();
    await wait(between(0, 1_500));
    await instance.start();
  },
  /** The process stands still and goes on as if nothing had been: as a suspended machine, or a long pause. */
  async stop({ instance, longestMs }: Victims) {
    instance.signal("SIGSTOP");
    await wait(between(500, longestMs));
    instance.signal("SIGCONT");
  },
  /** What goes over the feed, one way or both, arrives much later. */
  async feedHeld({ instance, longestMs }: Victims) {
    instance.feed.hold(someWay());
    await wait(between(500, longestMs));
    instance.feed.release();
  },
  /** The feed's connection breaks. */
  async feedCut({ instance }: Victims) {
    instance.feed.cut();
  },
  /** The feed arrives, late. */
  async feedLate({ instance, longestMs }: Victims) {
    instance.feed.delay(between(100, 1_300));
    await wait(between(500, longestMs));
    instance.feed.release();
  },
  /** Nothing passes between the instance and the database, one way or both. */
  async network({ instance, longestMs }: Victims) {
    const way = someWay();
    for (const proxy of [instance.feed, instance.pool]) proxy.hold(way);
    await wait(between(500, longestMs));
    for (const proxy of [instance.feed, instance.pool]) proxy.release();
  },
  /** Statements pass late, the feed does not. */
  async poolLate({ instance, longestMs }: Victims) {
    instance.pool.delay(between(50, 600));
    await wait(between(500, longestMs));
    instance.pool.release();
  },
  /** The process of Postgres that serves a feed stands still. */
  async backendStopped({ databaseUrl, longestMs }: Victims) {
    const pid = await someBackend(databaseUrl);
    if (pid === undefined) return;
    process.kill(pid, "SIGSTOP");
    await wait(between(500, longestMs));
    try {
      process.kill(pid, "SIGCONT");
    } catch {
      // It was killed with all the others in between.
    }
  },
  /** A process of Postgres is killed: all others end, and the database recovers. */
  async databaseCrash({ databaseUrl }: Victims) {
    const pid = await someBackend(databaseUrl);
    if (pid !== undefined) process.kill(pid, "SIGKILL");
    await wait(3_000);
  },
  /** All of Postgres is killed, and started again. */
  async databaseKill({ postgres }: Victims) {
    process.kill(postgres(), "SIGKILL");
    await wait(5_000);
  },
};

/** Those that strike every instance at once. */
export const everywhere: ReadonlySet<Fault> = new Set<Fault>([
  "backendStopped",
  "databaseCrash",
  "databaseKill",
]);

async function someBackend(databaseUrl: string): Promise<number | undefined> {
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
