import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cpuSeconds, machineCpuSeconds } from "../bench/cpu.ts";
import { openBenchDatabase } from "../bench/database.ts";
import { pinOther, startWorker } from "../bench/processes.ts";
import { startService } from "../bench/service.ts";
import type { Stack } from "../bench/stack.ts";
import type { AttackJob } from "./attacker.ts";
import type { Counts } from "./repeat.ts";
import type { VictimSeen } from "./seen.ts";
import type { VictimJob, VictimReport } from "./victim.ts";
import { openVictim } from "./victim-tenant.ts";

/** A real server with its database, a victim and an attacker, each a process of its own. */
export interface Stage {
  databaseUrl: string;
  port(): number;
  /** Lets the victim work for so many seconds. */
  watch(seconds: number): Promise<VictimSeen>;
  /** Runs attacks at the same time, each against the server as it is now. */
  attack(jobs: Omit<AttackJob, "port">[]): Promise<Counts[]>;
  /** Starts another server if an attack ended this one. Returns whether it did. */
  revive(): Promise<boolean>;
}

// Below the victim and the server: on two cores, the attacker's own CPU time would count as the attack.
const attackerNiceness = 10;

/** Starts everything. The victim has keys never seen before for so many seconds. */
export async function openStage(stack: Stack, victimSeconds: number): Promise<Stage> {
  const database = await openBenchDatabase(stack, 1_000, 1);
  pinOther(database.pid(), [0, 1]);
  const dataDir = mkdtempSync(join(tmpdir(), "latchkey-attack-"));
  stack.defer(() => rmSync(dataDir, { recursive: true, force: true }));
  // Every setting but the port, the database and this directory has its default.
  const env = { LATCHKEY_LOG_LEVEL: "info", LATCHKEY_DATA_DIR: dataDir };
  const start = () => startService(stack, database, { env, pinned: false });
  let service = await start();
  const victim = await openVictim(service.port, database.url, victimSeconds);
  const watcher = stack.use(startWorker<VictimJob, VictimReport>(new URL("victim.ts", import.meta.url)));
  const attacker = stack.use(
    startWorker<AttackJob[], Counts[]>(new URL("attacker.ts", import.meta.url), {
      niceness: attackerNiceness,
    }),
  );
  return {
    databaseUrl: database.url,
    port: () => service.port,
    async watch(seconds) {
      const otherCores = countOtherCores();
      const report = await watcher.run(victim.job(service.port, seconds));
      return { ...report, otherCores: otherCores() };
    },
    attack: (jobs) => attacker.run(jobs.map((job) => ({ ...job, port: service.port }))),
    async revive() {
      if (isRunning(service.pid)) return false;
      service = await start();
      return true;
    },
  };
}

/** Starts to count. Returns how many cores processes that this one did not start have kept busy since. */
function countOtherCores(): () => number {
  const startedAt = performance.now();
  const usage = () => machineCpuSeconds() - cpuSeconds(process.pid);
  const before = usage();
  return () => Math.max(0, (usage() - before) / ((performance.now() - startedAt) / 1_000));
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
