import { cpuSeconds, machineCpuSeconds } from "./cpu.ts";

/** How hard to press, and how long: bounded in time and in calls. */
export interface Load {
  inFlight: number;
  warmSeconds: number;
  seconds: number;
  /** Warm-up included. */
  maxCalls: number;
}

/** Whose CPU time is counted. */
export interface Watched {
  server: number | undefined;
  postgres: number;
}

/** What was seen: milliseconds, and cores kept busy by each process. */
export interface Sample {
  calls: number;
  perSecond: number;
  p50: number;
  p99: number;
  /** The server's; for a look-up without a server, the client's. */
  serverCores: number;
  postgresCores: number;
  generatorCores: number;
  /** Of processes that have nothing to do with the bench. */
  otherCores: number;
}

// Of calls that are limited.
const warmShare = 1 / 3;

/** Keeps `inFlight` calls under way, each lane sending its next as soon as its last was answered. */
export async function closedLoop(
  lanes: readonly ((index: number) => Promise<void>)[],
  load: Load,
  watched: Watched,
): Promise<Sample> {
  let next = 0;
  // The warm-up leaves calls to be measured, however quick the machine is.
  let allowed = Math.ceil(load.maxCalls * warmShare);
  let deadline = 0;
  let latencies: number[] = [];

  async function drive(call: (index: number) => Promise<void>): Promise<void> {
    while (next < allowed) {
      const startedAt = performance.now();
      if (startedAt >= deadline) return;
      await call(next++);
      latencies.push(performance.now() - startedAt);
    }
  }
  async function run(seconds: number): Promise<number> {
    const startedAt = performance.now();
    deadline = startedAt + seconds * 1000;
    latencies = [];
    await Promise.all(lanes.map(drive));
    return (performance.now() - startedAt) / 1000;
  }

  await run(load.warmSeconds);
  allowed = load.maxCalls;
  const before = usage(watched);
  const seconds = await run(load.seconds);
  const after = usage(watched);
  const cores = (name: keyof typeof before) => (after[name] - before[name]) / seconds;
  const sorted = latencies.sort((a, b) => a - b);
  if (sorted.length === 0) throw new Error("no call was measured");
  const ours = cores("server") + cores("postgres") + (watched.server === undefined ? 0 : cores("generator"));
  return {
    calls: sorted.length,
    perSecond: sorted.length / seconds,
    p50: quantile(sorted, 0.5),
    p99: quantile(sorted, 0.99),
    serverCores: cores("server"),
    postgresCores: cores("postgres"),
    generatorCores: cores("generator"),
    otherCores: Math.max(0, cores("machine") - ours),
  };
}

/** The value below which this share of a sorted list lies. */
export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

function usage({ server, postgres }: Watched) {
  const { user, system } = process.cpuUsage();
  const generator = (user + system) / 1e6;
  return {
    generator,
    server: server === undefined ? generator : cpuSeconds(server),
    postgres: cpuSeconds(postgres),
    machine: machineCpuSeconds(),
  };
}
