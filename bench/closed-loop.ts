import { cpuSeconds, machineCpuSeconds } from "./cpu.ts";

/** The load of a sample. It is bounded in time and in calls. */
export interface Load {
  inFlight: number;
  warmSeconds: number;
  seconds: number;
  /** The maximum number of calls, including the warm-up. */
  maxCalls: number;
}

/** The processes whose CPU time counts. */
export interface Watched {
  server: number | undefined;
  postgres: number;
}

/** The result of a sample. Latencies are in milliseconds. The CPU time of each process is in cores. */
export interface Sample {
  calls: number;
  perSecond: number;
  p50: number;
  p99: number;
  /** The cores of the server. For look-ups without a server: those of the client. */
  serverCores: number;
  postgresCores: number;
  generatorCores: number;
  /** The cores of processes outside the bench. */
  otherCores: number;
}

// The warm-up may make at most this share of the calls.
const warmShare = 1 / 3;

/** Lets all callers make calls. Each sends its next call as soon as it has the response to the previous one. */
export async function closedLoop(
  callers: readonly ((index: number) => Promise<void>)[],
  load: Load,
  watched: Watched,
): Promise<Sample> {
  let next = 0;
  // Even on a quick machine, the warm-up leaves calls to measure.
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
    await Promise.all(callers.map(drive));
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

/** Returns the value below which this share of a sorted list lies. */
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
