import { setTimeout as wait } from "node:timers/promises";
import { openBenchDatabase } from "../bench/database.ts";
import { keyId, keyToken } from "../bench/keys.ts";
import { everywhere, type Fault, faults } from "./faults.ts";
import { type Instance, startInstance } from "./instance.ts";
import { type Ledger, openLedger } from "./ledger.ts";

/** A storm: revocations under load while things break. */
export interface Scenario {
  /** The sources of the instances. */
  root: string;
  instances: number;
  /** So many are to return; those that get no answer come on top. */
  revocations: number;
  /** It ends then, however many there were. */
  maxSeconds: number;
  faults: readonly Fault[];
  /** How long, in milliseconds, something stays broken at most. */
  longestMs: number;
  /** It ends as soon as something was accepted that should not have been. */
  untilLate?: boolean;
  /** Where Postgres keeps its files; unset: in a temporary directory. */
  dataDir?: string;
  onProgress?(line: string): void;
}

/** What was seen. Times in milliseconds. */
export interface Outcome {
  revoked: number;
  /** Keys that some instance accepted in a verification that began after their revocation had returned. */
  late: number;
  /** How long after the return the latest of those began. */
  worstMs: number;
  verifications: number;
  /** Revocations that were not answered, or with an error. */
  unanswered: number;
  p50: number;
  p99: number;
  /** The slowest revocation through an instance that nothing was done to, on a database that nothing was done to. */
  slowestUntouched: number;
  faults: Partial<Record<Fault, number>>;
  seconds: number;
}

const revokersPerInstance = 4;
const lanesPerInstance = 2;
const callMs = 5_000;
const stallMs = 250;

/** Lets a storm pass over real instances, and tells what was seen. The first instance is never struck itself. */
export async function runScenario(scenario: Scenario): Promise<Outcome> {
  await using stack = new AsyncDisposableStack();
  // Of some the answer gets lost, and they are not made again.
  const keys = 2 * scenario.revocations;
  const database = await openBenchDatabase(stack, 100, keys, scenario.dataDir);
  const { url, platformToken } = database;
  const instances = await Promise.all(
    Array.from({ length: scenario.instances }, async () =>
      stack.use(await startInstance(scenario.root, url, platformToken)),
    ),
  );
  const ledger = openLedger(100, keys, scenario.revocations);
  const startedAt = performance.now();
  const over = new AbortController();
  const isOver = () => over.signal.aborted;
  // How often something began or ended that struck everybody.
  let upheavals = 0;
  // A machine that stands still strikes everybody as well.
  let tickedAt = performance.now();
  const ticks = setInterval(() => {
    const now = performance.now();
    if (now - tickedAt > stallMs) upheavals += 2;
    tickedAt = now;
    if (scenario.untilLate && ledger.outcome().late > 0) over.abort();
  }, 20);

  const load = instances.map((instance) =>
    Array.from({ length: lanesPerInstance }, () => verifyOn(instance, ledger, isOver)),
  );
  const strikes = scenario.faults.map(async (fault) => {
    while (!isOver()) {
      const gapMs = everywhere.has(fault) ? 15_000 : 5_000;
      await wait(1_000 + Math.random() * gapMs, undefined, { signal: over.signal }).catch(() => undefined);
      if (isOver()) return;
      const index = 1 + Math.floor(Math.random() * (instances.length - 1));
      const instance = instances[index];
      if (!instance || ledger.struck.has(instance)) continue;
      ledger.faults[fault] = (ledger.faults[fault] ?? 0) + 1;
      if (everywhere.has(fault)) upheavals += 1;
      else ledger.struck.add(instance);
      const victims = {
        instance,
        databaseUrl: url,
        postgres: () => database.pid(),
        longestMs: scenario.longestMs,
      };
      await faults[fault](victims);
      if (everywhere.has(fault)) upheavals += 1;
      else ledger.struck.delete(instance);
    }
  });
  const revokers = instances.flatMap((instance, index) =>
    Array.from({ length: revokersPerInstance }, async () => {
      for (let key = ledger.next(); key !== undefined && !isOver(); key = ledger.next()) {
        const before = upheavals;
        const took = await revoke(instance, instances, ledger, key);
        const quiet = before === upheavals && upheavals % 2 === 0;
        if (took !== undefined && index === 0 && quiet) ledger.untouched(took);
      }
    }),
  );

  const deadline = setTimeout(() => over.abort(), scenario.maxSeconds * 1_000);
  const progress = setInterval(() => scenario.onProgress?.(ledger.line()), 5_000);
  await Promise.all(revokers);
  // What might be accepted later than it should has this long to be.
  if (!isOver()) await wait(Math.min(scenario.longestMs, 2_500));
  over.abort();
  clearTimeout(deadline);
  clearInterval(progress);
  clearInterval(ticks);
  await Promise.all([...strikes, ...load.flat()]);
  return { ...ledger.outcome(), seconds: (performance.now() - startedAt) / 1_000 };
}

async function verifyOn(instance: Instance, ledger: Ledger, isOver: () => boolean): Promise<void> {
  while (!isOver()) {
    await verify(instance, ledger, ledger.somewhereNear());
    await wait(2);
  }
}

// What is not answered was not accepted.
async function verify(instance: Instance, ledger: Ledger, key: number): Promise<void> {
  const startedAt = performance.now();
  const question = { token: keyToken(key) };
  const answer = await instance.call("TokenService/VerifyToken", question, callMs).catch(() => undefined);
  ledger.verified(key, startedAt, answer?.status === 200 && answer.text.includes('"valid":true'));
}

async function revoke(
  instance: Instance,
  all: readonly Instance[],
  ledger: Ledger,
  key: number,
): Promise<number | undefined> {
  // So that everybody remembers it.
  await Promise.race([Promise.all(all.map((one) => verify(one, ledger, key))), wait(200)]);
  const startedAt = performance.now();
  const answer = await instance
    .call("ApiKeyService/RevokeApiKey", { id: keyId(key) }, callMs)
    .catch(() => undefined);
  if (answer?.status !== 200) {
    ledger.unanswered();
    await wait(50);
    return undefined;
  }
  const took = performance.now() - startedAt;
  ledger.revoked(key, took);
  for (const one of all) void verify(one, ledger, key);
  return took;
}
