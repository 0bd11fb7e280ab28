import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cpuSeconds, machineCpuSeconds } from "../bench/cpu.ts";
import { openBenchDatabase, type PreparedOptions } from "../bench/database.ts";
import { pinOther, startWorker } from "../bench/processes.ts";
import { startService } from "../bench/service.ts";
import type { Stack } from "../bench/stack.ts";
import type { AttackJob } from "./attacker.ts";
import type { Counts } from "./repeat.ts";
import type { VictimSeen } from "./seen.ts";
import type { VictimJob, VictimReport } from "./victim.ts";
import { openVictim } from "./victim-tenant.ts";

/** A real server with its database, a victim and an attacker, each in a separate process. */
export interface Stage {
  databaseUrl: string;
  port(): number;
  /** Lets the victim work for `seconds`. Returns its observations. */
  watch(seconds: number): Promise<VictimSeen>;
  /** Runs attacks at the same time against the current server. */
  attack(jobs: Omit<AttackJob, "port">[]): Promise<Counts[]>;
  /** Starts another server if an attack ended the current one. Returns whether it did. */
  revive(): Promise<boolean>;
}

// The attacker has a lower priority than the victim and the server. On two cores, its own CPU time would slow them down.
const attackerNiceness = 10;

/** What a stage uses instead of the server in `src` and an empty Postgres. */
export interface StageOptions {
  /** The arguments of node that start the server. */
  program?: readonly string[];
  postgres?: PreparedOptions;
}

/** Starts everything. The victim has enough unseen keys for `victimSeconds`. */
export async function openStage(
  stack: Stack,
  victimSeconds: number,
  { postgres, ...options }: StageOptions = {},
): Promise<Stage> {
  const database = await openBenchDatabase(stack, 1_000, 1, postgres);
  pinOther(database.pid(), [0, 1]);
  const dataDir = mkdtempSync(join(tmpdir(), "latchkey-attack-"));
  stack.defer(() => rmSync(dataDir, { recursive: true, force: true }));
  // All other settings have their defaults, except the port and the database.
  const env = { LATCHKEY_LOG_LEVEL: "info", LATCHKEY_DATA_DIR: dataDir };
  const start = () => startService(stack, database, { env, pinned: false, ...options });
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

/** Starts to measure. Returns a function that returns how many cores processes outside the run have used since then. */
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
