import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, test as base, beforeAll, describe, expect, vi } from "vitest";
import { birthOf } from "../../src/db/embedded/process.ts";
import { long } from "../support/long.ts";
import {
  createGround,
  type EmbeddedProcess,
  gone,
  postmasterOf,
  query,
  reportOf,
} from "../support/server/embedded-process.ts";

const isRoot = process.geteuid?.() === 0;
const nobody = { uid: 65_534, gid: 65_534 };
const write = "create table kept as select 42 as answer";
const read = "select answer from kept";
const rows = [{ answer: 42 }];

// A busy machine may need this long to start or end a process.
const patient = { timeout: 20_000 };

// If the tests run as root, those that depend on the user of the server run as root and as an ordinary user. The others run
// as an ordinary user, and in `npm run test:long` also as root. Otherwise, all run only as the current user.
const users = isRoot ? ["root", "an ordinary user"] : ["an ordinary user"];
// biome-ignore lint/complexity/noExcessiveLinesPerFunction: groups the tests of one promise.
describe.concurrent.each(users)("an embedded Postgres of %s", (name) => {
  const user = isRoot && name !== "root" ? nobody : undefined;
  const test = base.extend("ground", ({ task: _ }, { onCleanup }) => {
    const ground = createGround(user);
    onCleanup(ground.clear);
    return ground;
  });
  // The tests that only look at a server share this one.
  const shared = createGround(user);
  let server: EmbeddedProcess;
  beforeAll(async () => {
    server = await shared.start();
  });
  afterAll(shared.clear);
  const testOnce = test.runIf(long || users.length === 1 || name !== "root");

  testOnce("committed data survives a stop and a start", async ({ ground }) => {
    const first = await ground.start();
    await query(first.url, write);
    await first.order("stop");
    expect(birthOf(first.postgres)).toBeUndefined();
    const second = await ground.start();
    expect(await query(second.url, read)).toEqual(rows);
  });

  testOnce("Postgres ends when its server exits without stopping it", async ({ ground }) => {
    const server = await ground.start();
    await server.order("exit");
    await gone(server.postgres);
  });

  test("after kill -9 of the server, the next server stops the remaining Postgres and has its data", async ({
    ground,
  }) => {
    const first = await ground.start();
    await query(first.url, write);
    await first.kill();
    expect(birthOf(first.postgres)).toBeDefined();
    const second = await ground.start();
    expect(birthOf(first.postgres)).toBeUndefined();
    expect(await query(second.url, read)).toEqual(rows);
  });

  test("after kill -9 of Postgres, the server starts it again at the same address with all committed data", async ({
    ground,
  }) => {
    const server = await ground.start();
    await query(server.url, write);
    process.kill(server.postgres, "SIGKILL");
    await gone(server.postgres);
    await vi.waitFor(async () => expect(await query(server.url, read)).toEqual(rows), patient);
    await server.order("stop");
    expect(postmasterOf(ground.dataDir)).toBeUndefined();
  });

  testOnce("after kill -9 of Postgres during a statement, the server starts it again", async ({ ground }) => {
    const server = await ground.start();
    const running = query(server.url, "select pg_sleep(5)").catch(() => undefined);
    await vi.waitFor(
      async () =>
        expect(
          await query(server.url, "select from pg_stat_activity where wait_event = 'PgSleep'"),
        ).toHaveLength(1),
      patient,
    );
    process.kill(server.postgres, "SIGKILL");
    await vi.waitFor(async () => expect(await query(server.url, "select 1 as one")).toHaveLength(1), patient);
    await running;
  });

  testOnce("after kill -9 of both, the stale postmaster.pid does not block a start", async ({ ground }) => {
    const first = await ground.start();
    await query(first.url, write);
    await first.kill();
    process.kill(first.postgres, "SIGKILL");
    await gone(first.postgres);
    expect(postmasterOf(ground.dataDir)).toBe(first.postgres);
    expect(await query((await ground.start()).url, read)).toEqual(rows);
  });

  testOnce(
    "after kill -9 of both during a statement, the next server waits for the last process that uses the data",
    async ({ ground }) => {
      const first = await ground.start();
      await query(first.url, write);
      const endless = "select count(*) from generate_series(1, 1000000000000)";
      const busy = query(`${first.url}?statement_timeout=3000`, endless).catch(() => undefined);
      const running =
        "select from pg_stat_activity where query like '%1000000000000)' and statement_timestamp() > query_start";
      await vi.waitFor(async () => expect(await query(first.url, running)).toHaveLength(1), patient);
      await first.kill();
      process.kill(first.postgres, "SIGKILL");
      await gone(first.postgres);
      expect(await query((await ground.start()).url, read)).toEqual(rows);
      await busy;
    },
  );

  testOnce(
    "a stale postmaster.pid with the pid of an unrelated process does not block a start or harm that process",
    async ({ ground }) => {
      const first = await ground.start();
      await query(first.url, write);
      await first.kill();
      process.kill(first.postgres, "SIGKILL");
      await gone(first.postgres);
      const pidFile = join(ground.dataDir, "postgres", "postmaster.pid");
      const { uid, gid } = statSync(pidFile);
      const bystander = spawn(
        process.execPath,
        ["-e", "setInterval(() => {}, 1000)"],
        isRoot ? { uid, gid, cwd: "/" } : {},
      );
      try {
        writeFileSync(pidFile, readFileSync(pidFile, "utf8").replace(/^\d+/, String(bystander.pid)));
        expect(await query((await ground.start()).url, read)).toEqual(rows);
        expect(bystander.exitCode ?? bystander.signalCode).toBeNull();
      } finally {
        bystander.kill("SIGKILL");
        await once(bystander, "exit");
      }
    },
  );

  test("after kill -9 during initdb, the next start creates the database and removes the unfinished one", async ({
    ground,
  }) => {
    const entries = () => (existsSync(ground.dataDir) ? readdirSync(ground.dataDir) : []);
    const server = ground.launch();
    const isUnfinished = (entry: string) => entry.startsWith("postgres.new-");
    await vi.waitFor(() => expect(entries().some(isUnfinished)).toBe(true), { interval: 5, ...patient });
    server.kill("SIGKILL");
    await once(server, "exit");
    expect(existsSync(join(ground.dataDir, "postgres"))).toBe(false);
    // initdb may outlive its killed server and write again after the next server has removed its directory. A process of its
    // own does so here, because the copies that other tests make may block this one until the next server is ready.
    const [unfinished = ""] = entries().filter(isUnfinished);
    const script = 'while [ -e "$0" ]; do sleep 0.01; done; mkdir "$0"';
    const orphan = spawn("sh", ["-c", script, join(ground.dataDir, unfinished)]);
    const orphanEnded = once(orphan, "exit");
    const next = await ground.start();
    await query(next.url, write);
    expect(await orphanEnded).toEqual([0, null]);
    // On a busy machine, the process may write after the next server has removed the directory twice. Then a later start does.
    if (entries().some(isUnfinished)) {
      await next.order("stop");
      expect(await query((await ground.start()).url, read)).toEqual(rows);
    }
    expect(entries().filter(isUnfinished)).toEqual([]);
  });

  testOnce(
    "a second server on the same data directory fails with one line that has the directory and the pid",
    async () => {
      const line = `the data directory ${shared.dataDir} is in use by process ${server.process.pid}`;
      expect(await shared.refusal()).toBe(line);
      expect(await query(server.url, "select 1 as one")).toHaveLength(1);
    },
  );

  testOnce(
    "if many servers start after a killed one, exactly one takes over its lock",
    async ({ ground }) => {
      const dead = await ground.start();
      await dead.kill();
      const reports = await Promise.all(Array.from({ length: 6 }, () => reportOf(ground.launch())));
      const winners = reports.flatMap((report) => ("url" in report ? [report] : []));
      expect(winners).toHaveLength(1);
      const refusals = reports.flatMap((report) => ("error" in report ? [report.error] : []));
      expect(refusals).toEqual(refusals.map(() => expect.stringContaining("is in use by process")));
      expect(readdirSync(ground.dataDir).filter((entry) => entry.startsWith("lock"))).toEqual(["lock"]);
    },
  );

  test("a stale lock whose pid now belongs to another process does not block a start", async ({ ground }) => {
    const first = await ground.start();
    await first.order("stop");
    expect(existsSync(join(ground.dataDir, "lock"))).toBe(false);
    writeFileSync(join(ground.dataDir, "lock"), `${process.pid} another-boot:1 5b0a`, { mode: 0o644 });
    await ground.start();
  });

  test("the password is in no process argument and in no file that other users can read", () => {
    const { password } = new URL(server.url);
    expect(password).toHaveLength(32);
    for (const file of ["cmdline", "environ"]) {
      expect(readFileSync(`/proc/${server.postgres}/${file}`, "utf8")).not.toContain(password);
    }
    expect(statSync(shared.dataDir).mode & 0o777).toBe(0o700);
    for (const entry of readdirSync(shared.dataDir, { withFileTypes: true })) {
      expect(statSync(join(shared.dataDir, entry.name)).mode & 0o077, entry.name).toBe(0);
    }
  });

  testOnce("a wrong password is refused", async () => {
    const url = new URL(server.url);
    url.password = "wrong";
    await expect(query(url.href, "select 1")).rejects.toMatchObject({ code: "28P01" });
  });

  test("Postgres does not run as root", () => {
    const status = readFileSync(`/proc/${server.postgres}/status`, "utf8");
    expect(/^Uid:\s+(\d+)/m.exec(status)?.[1]).not.toBe("0");
  });
});
