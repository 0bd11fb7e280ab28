import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { cpuSeconds, machineCpuSeconds } from "../bench/cpu.ts";
import { openBenchDatabase } from "../bench/database.ts";
import { pinOther, startWorker } from "../bench/processes.ts";
import { type Service, startService } from "../bench/service.ts";
import type { Stack } from "../bench/stack.ts";
import type { AttackJob } from "./attacker.ts";
import type { Heavy } from "./heavy.ts";
import { openHeavyTenant, type Weight } from "./heavy-tenant.ts";
import { isolationRow } from "./isolation-row.ts";
import type { Options } from "./options.ts";
import type { Part } from "./part.ts";
import type { Counts } from "./repeat.ts";
import { describe, type VictimSeen } from "./seen.ts";
import type { VictimJob, VictimReport } from "./victim.ts";
import { openVictim } from "./victim-tenant.ts";

/** One attack, as the table names it. */
export interface Scenario {
  title: string;
  name: AttackJob["name"];
  spread?: boolean;
  heavy?: Weight;
}

/** What another tenant saw of an attack, and what became of the attack itself. */
export interface Outcome {
  scenario: Scenario;
  before: VictimSeen;
  attacked: VictimSeen;
  after: VictimSeen;
  counts: Counts;
}

/** The attacks of the table. */
export const scenarios: readonly Scenario[] = [
  { title: "200 concurrent sign-ups, each from another address", name: "signUps", spread: true },
  { title: "200 concurrent sign-ups from one address", name: "signUps" },
  {
    title: "4 clients with slow passwords, each request from another address",
    name: "slowPasswords",
    spread: true,
  },
  { title: "4 clients with slow passwords from one address", name: "slowPasswords" },
  { title: "64 log-ins at once, each from another address", name: "logIns", spread: true },
  { title: "64 log-ins at once from one address", name: "logIns" },
  {
    title: "6 heavy principals, 16 roles × 256 permissions (by SQL), hot and cold",
    name: "heavyPrincipals",
    heavy: { roles: 16, permissionsPerRole: 256, permissionsPerKey: 256 },
  },
  { title: "10,000 idle sockets from one address", name: "idleSockets" },
  { title: "8 rapid-reset connections × 5,000 resets, over and over", name: "rapidReset" },
];

const settleMs = 1_000;
const warmSeconds = 4;
// Of one attack. Those verified once go round after these.
const unseenKeys = 120;

/** Latency and refusals of another tenant during each attack. */
export const isolation: Part = async (stack, options, progress) => {
  const outcomes = await measureIsolation(stack, options, scenarios, progress);
  return outcomes.map(isolationRow);
};

/** Runs the attacks one after the other against one server, and a victim before, during and after each. */
export async function measureIsolation(
  stack: Stack,
  { seconds, calmSeconds }: Pick<Options, "seconds" | "calmSeconds">,
  attacks: readonly Scenario[],
  progress: (line: string) => void,
): Promise<Outcome[]> {
  const database = await openBenchDatabase(stack, 1_000, 1);
  pinOther(database.pid(), [0, 1]);
  const dataDir = mkdtempSync(join(tmpdir(), "latchkey-attack-"));
  stack.defer(() => rmSync(dataDir, { recursive: true, force: true }));
  // Every setting but these has its default, the log level included.
  const env = { LATCHKEY_LOG_LEVEL: "info", LATCHKEY_DATA_DIR: dataDir };
  const start = () => startService(stack, database, { env, pinned: false });
  let service = await start();
  const needed = warmSeconds * (1 + attacks.length) + calmSeconds + attacks.length * (seconds + calmSeconds);
  const victim = await openVictim(service.port, database.url, needed);
  const heavy = await openHeavyTenants(service.port, database.url, attacks);

  const watcher = stack.use(startWorker<VictimJob, VictimReport>(new URL("victim.ts", import.meta.url)));
  const attacker = stack.use(
    startWorker<AttackJob, Counts>(new URL("attacker.ts", import.meta.url), { niceness: 10 }),
  );
  const watch = async (length: number): Promise<VictimSeen> => {
    const others = othersCpu();
    const seen = await watcher.run(victim.job(service.port, length));
    return { ...seen, otherCores: others() };
  };

  await watch(warmSeconds);
  const outcomes: Outcome[] = [];
  let before = await watch(calmSeconds);
  for (const scenario of attacks) {
    const { name, spread = false } = scenario;
    const weighty = heavy.get(scenario);
    const job = { name, spread, port: service.port, seconds, ...(weighty && { heavy: weighty }) };
    const [counts, attacked] = await Promise.all([attacker.run(job), watch(seconds)]);
    await wait(settleMs);
    if (!isRunning(service)) {
      progress("the server ended: another one is started");
      service = await start();
      await watch(warmSeconds);
    }
    const after = await watch(calmSeconds);
    outcomes.push({ scenario, before, attacked, after, counts });
    progress(
      [scenario.title, describe(before), describe(attacked), JSON.stringify(counts), describe(after)].join(
        "\n  ",
      ),
    );
    before = after;
  }
  return outcomes;
}

/** Starts to count. Returns how many cores processes that this one did not start have kept busy since. */
function othersCpu(): () => number {
  const startedAt = performance.now();
  const usage = () => machineCpuSeconds() - cpuSeconds(process.pid);
  const before = usage();
  return () => Math.max(0, (usage() - before) / ((performance.now() - startedAt) / 1_000));
}

async function openHeavyTenants(
  port: number,
  databaseUrl: string,
  attacks: readonly Scenario[],
): Promise<Map<Scenario, Heavy>> {
  const tenants = new Map<Scenario, Heavy>();
  for (const scenario of attacks) {
    if (!scenario.heavy) continue;
    const name = `heavy${tenants.size}`;
    tenants.set(scenario, await openHeavyTenant(port, databaseUrl, name, scenario.heavy, unseenKeys));
  }
  return tenants;
}

function isRunning({ pid }: Service): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
