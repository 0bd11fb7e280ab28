import { setTimeout as wait } from "node:timers/promises";
import { type BenchDatabase, openBenchDatabase, type PreparedOptions } from "../bench/database.ts";
import { keyId, keyToken } from "../bench/keys.ts";
import type { CallResponse } from "./child.ts";
import { type Fault, faults, type GuardFault, globalFaults, guardFaults } from "./faults.ts";
import { type GuardedService, startGuards } from "./guard.ts";
import { type Instance, startInstance } from "./instance.ts";
import { type Ledger, type Outcome, openLedger } from "./ledger.ts";
import { type Programs, sources } from "./programs.ts";

/** A scenario: revocations under load, while faults happen. */
export interface Scenario {
  /** The name of the broken part of the protocol. Unset: the servers run as in production. */
  breakage?: string;
  instances: number;
  /** How many revocations must return. Revocations without a response do not count. */
  revocations: number;
  /** The scenario ends after this time, however many revocations have returned. */
  maxSeconds: number;
  /** A scenario that has seen less than this goes on for up to four times as long, because the machine is busy. */
  least?: Pick<Outcome, "revoked" | "guarded">;
  faults: readonly Fault[];
  /** How many guards there are. Guard n watches instance n, counted round. */
  guards?: number;
  guardFaults?: readonly GuardFault[];
  /** The longest time, in milliseconds, that a fault lasts. */
  longestMs: number;
  /** Whether the scenario ends as soon as one revoked key was accepted. */
  untilLate?: boolean;
  /** How much shorter the pauses before the faults are (default 1). */
  pace?: number;
  /** The Postgres. Unset: a new one in a temporary directory. */
  postgres?: PreparedOptions;
  /** The programs of the instances and guards. Unset: their sources. */
  programs?: Programs;
  /** Stops everything that the scenario has started, if the caller ends early. */
  within?: AsyncDisposableStack;
  onProgress?(line: string): void;
}

/** A scenario while it runs. */
interface Run {
  scenario: Scenario;
  database: BenchDatabase;
  instances: readonly Instance[];
  guards: readonly GuardedService[];
  ledger: Ledger;
  signal: AbortSignal;
  /** How often a fault that affects every instance began or ended. An even number: none lasts now. */
  globalChanges: number;
}

const firstKey = 100;
const revokersPerInstance = 4;
const verifiersPerInstance = 2;
const callMs = 5_000;
const stallMs = 250;

/** Runs a scenario on real instances. No fault ever affects the first instance alone. */
export async function runScenario(scenario: Scenario): Promise<Outcome> {
  await using stack = new AsyncDisposableStack();
  scenario.within?.use(stack);
  // A revocation without a response is not repeated, so there are more keys than revocations.
  const keys = 2 * scenario.revocations;
  const database = await openBenchDatabase(stack, firstKey, keys, scenario.postgres);
  const programs = scenario.programs ?? sources;
  const server =
    scenario.breakage === undefined
      ? [programs.latchkey, "serve"]
      : [programs["broken-server"], scenario.breakage];
  const instances = await Promise.all(
    Array.from({ length: scenario.instances }, async () =>
      stack.use(await startInstance(server, database.url, database.platformToken)),
    ),
  );
  const guards = await startGuards(
    scenario.guards ?? 0,
    programs["guarded-service"],
    instances,
    database.platformToken,
    stack,
  );
  const ledger = openLedger(firstKey, keys, scenario.revocations);
  const end = new AbortController();
  const run: Run = { scenario, database, instances, guards, ledger, signal: end.signal, globalChanges: 0 };
  const startedAt = performance.now();

  const watch = watchRun(run, () => end.abort());
  const progress = setInterval(() => scenario.onProgress?.(ledger.line()), 5_000);
  const verifiers = repeat([...instances, ...guards], verifiersPerInstance, (one) => keepVerifying(run, one));
  const faulting = [
    ...scenario.faults.map((fault) => keepFaulting(run, fault)),
    ...(scenario.guardFaults ?? []).map((fault) => keepFaultingGuards(run, fault)),
  ];
  await Promise.all(repeat(instances, revokersPerInstance, (instance) => keepRevoking(run, instance)));
  // A late acceptance may still begin within this time.
  if (!end.signal.aborted) await wait(Math.min(scenario.longestMs, 2_500));
  end.abort();
  clearInterval(progress);
  clearInterval(watch);
  await Promise.all([...faulting, ...verifiers]);
  return { ...ledger.outcome(), seconds: (performance.now() - startedAt) / 1_000 };
}

function repeat<E, T>(all: readonly E[], times: number, start: (one: E) => T): T[] {
  return all.flatMap((one) => Array.from({ length: times }, () => start(one)));
}

// A machine that stalls affects every instance, like a global fault that began and ended.
function watchRun(run: Run, end: () => void): NodeJS.Timeout {
  const startedAt = performance.now();
  let tickedAt = startedAt;
  return setInterval(() => {
    const now = performance.now();
    if (now - tickedAt > stallMs) run.globalChanges += 2;
    tickedAt = now;
    if (isOver(run, (now - startedAt) / 1_000)) end();
  }, 20);
}

function isOver({ scenario, ledger }: Run, seconds: number): boolean {
  const { untilLate, maxSeconds, least = { revoked: 0, guarded: 0 } } = scenario;
  if (!untilLate && seconds < maxSeconds) return false;
  const { late, revoked, guarded } = ledger.outcome();
  if (seconds < maxSeconds) return late > 0;
  return seconds > 4 * maxSeconds || (revoked >= least.revoked && guarded >= least.guarded);
}

async function keepFaulting(run: Run, fault: Fault): Promise<void> {
  const { scenario, database, instances, ledger, signal } = run;
  const isGlobal = globalFaults.has(fault);
  while (!signal.aborted) {
    const gapMs = (1_000 + Math.random() * (isGlobal ? 15_000 : 5_000)) / (scenario.pace ?? 1);
    await wait(gapMs, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    const index = 1 + Math.floor(Math.random() * (instances.length - 1));
    const instance = instances[index];
    if (!instance || ledger.faulty.has(instance)) continue;
    ledger.faults[fault] = (ledger.faults[fault] ?? 0) + 1;
    if (isGlobal) run.globalChanges += 1;
    else ledger.faulty.add(instance);
    await faults[fault]({
      instance,
      databaseUrl: database.url,
      postgres: () => database.pid(),
      longestMs: scenario.longestMs,
    });
    if (isGlobal) run.globalChanges += 1;
    else ledger.faulty.delete(instance);
  }
}

async function keepFaultingGuards(run: Run, fault: GuardFault): Promise<void> {
  const { scenario, guards, ledger, signal } = run;
  while (!signal.aborted) {
    const gapMs = (500 + Math.random() * 3_000) / (scenario.pace ?? 1);
    await wait(gapMs, undefined, { signal }).catch(() => undefined);
    const guard = guards[Math.floor(Math.random() * guards.length)];
    if (signal.aborted || !guard || ledger.faulty.has(guard)) continue;
    ledger.faults[fault] = (ledger.faults[fault] ?? 0) + 1;
    ledger.faulty.add(guard);
    await guardFaults[fault]({ guard, longestMs: scenario.longestMs });
    ledger.faulty.delete(guard);
  }
}

async function keepRevoking(run: Run, instance: Instance): Promise<void> {
  const { instances, guards, ledger, signal } = run;
  const all = [...instances, ...guards];
  for (let key = ledger.next(); key !== undefined && !signal.aborted; key = ledger.next()) {
    const before = run.globalChanges;
    const durationMs = await revoke(instance, all, guards, ledger, key);
    const isWithoutFault = before === run.globalChanges && before % 2 === 0 && instance === instances[0];
    if (durationMs !== undefined && isWithoutFault) ledger.revokedWithoutFault(durationMs);
  }
}

/** An instance or a guard. */
type Verifier = Pick<Instance, "call">;

async function keepVerifying({ ledger, signal }: Run, one: Verifier): Promise<void> {
  while (!signal.aborted) {
    await verify(one, ledger, ledger.keyToVerify());
    await wait(2);
  }
}

// A verification without a response did not accept the key.
async function verify(one: Verifier, ledger: Ledger, key: number): Promise<void> {
  const startedAt = performance.now();
  const request = { token: keyToken(key) };
  const response = await one.call("TokenService/VerifyToken", request, callMs).catch(() => undefined);
  ledger.verified(key, startedAt, isAccepted(response));
  if (response?.text.includes('"source":"cache"')) ledger.servedByGuard();
}

// While a key is being revoked, a guard answers from its cache.
async function verifyUntil(end: Promise<unknown>, one: Verifier, ledger: Ledger, key: number): Promise<void> {
  let ended = false;
  void end.then(() => {
    ended = true;
  });
  while (!ended) {
    await verify(one, ledger, key);
    await wait(5);
  }
}

function isAccepted(response: CallResponse | undefined): boolean {
  return response?.status === 200 && response.text.includes('"valid":true');
}

async function revoke(
  instance: Instance,
  all: readonly Verifier[],
  guards: readonly Verifier[],
  ledger: Ledger,
  key: number,
): Promise<number | undefined> {
  // First, every instance and guard verifies the key, so that every cache holds it.
  await Promise.race([Promise.all(all.map((one) => verify(one, ledger, key))), wait(200)]);
  const startedAt = performance.now();
  const revoking = instance
    .call("ApiKeyService/RevokeApiKey", { id: keyId(key) }, callMs)
    .catch(() => undefined);
  for (const guard of guards) void verifyUntil(revoking, guard, ledger, key);
  const response = await revoking;
  if (response?.status !== 200) {
    ledger.unanswered();
    await wait(50);
    return undefined;
  }
  const durationMs = performance.now() - startedAt;
  ledger.revoked(key, durationMs);
  for (const one of all) void verify(one, ledger, key);
  return durationMs;
}
