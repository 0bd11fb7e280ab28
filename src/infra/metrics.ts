import { AggregatorRegistry, Counter, Gauge, Histogram, Registry } from "prom-client";

/** The metrics of the service, for Prometheus. */
export interface Metrics {
  call(method: string, code: string, seconds: number): void;
  verdict(verdict: string): void;
  query(milliseconds: number, ok: boolean): void;
  refusedConnection(reason: string): void;
  evictedConnection(reason: string): void;
  /** Counts look-ups that hit the cache. */
  hit(count: number): void;
  /** Counts look-ups that missed the cache. */
  miss(count: number): void;
  /** Counts calls that took from rate limits, by what decided: memory, redis, postgres, or local if the shared store was away. */
  limitDecided(by: string): void;
  /** Counts counters of rate limits that were dropped although they still limited a caller. */
  limitForgotten(): void;
  /** Records how long a change waited until it was effective at all other instances. */
  settled(how: string, milliseconds: number, others: number): void;
  /** Records how long this instance waited for its guards before it acknowledged a change. */
  guardsWaited(how: string, milliseconds: number): void;
  /** Shows how many guards watch this instance, by state. `states` is read when the figures are rendered. */
  showGuards(states: () => Record<string, number>): void;
  /** Returns the figures of this process in the text format of Prometheus. */
  render(): Promise<Rendered>;
  /** In a worker: makes its figures available to the process that started it. */
  offer(): void;
}

/** Figures in the text format of Prometheus. */
export interface Rendered {
  contentType: string;
  body: string;
}

/** Returns a function that renders the sum of the figures of all workers. */
export function createWorkerMetrics(): () => Promise<Rendered> {
  const registry = new AggregatorRegistry();
  return async () => ({ contentType: registry.contentType, body: await registry.clusterMetrics() });
}

/** Connections of a database pool: all, idle ones, and the number of callers that wait for one. */
export interface PoolStats {
  total: number;
  idle: number;
  waiting: number;
}

const callBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];
const instanceBuckets = [0, 1, 2, 3, 5, 10, 20, 50];
const queryBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5];

/** Creates a cheap counter with one label. It updates the Prometheus counter only when the figures are read. */
function createTally({ label, ...configuration }: Tallied): { count(value: string, by: number): void } {
  let pending = new Map<string, number>();
  new Counter({
    ...configuration,
    labelNames: [label],
    collect() {
      for (const [value, by] of pending) this.inc({ [label]: value }, by);
      pending = new Map();
    },
  });
  return {
    count(value, by) {
      pending.set(value, (pending.get(value) ?? 0) + by);
    },
  };
}

interface Tallied {
  name: string;
  help: string;
  label: string;
  registers: Registry[];
}

/** Creates the metrics of one process. `pools` is read when they are rendered. */
export function createMetrics(version: string, pools: () => Record<string, PoolStats>): Metrics {
  const registry = new Registry();
  const registers = [registry];
  showVersion(version, registers);
  observePools(pools, registers);
  return {
    ...createCallMetrics(registers),
    ...createConnectionMetrics(registers),
    ...createDatabaseMetrics(registers),
    ...createLimitMetrics(registers),
    ...createGuardMetrics(registers),
    offer() {
      AggregatorRegistry.setRegistries(registers);
      // Answers the main process when it collects the figures of all workers.
      new AggregatorRegistry();
    },
    render: async () => ({ contentType: registry.contentType, body: await registry.metrics() }),
  };
}

function createCallMetrics(registers: Registry[]): Pick<Metrics, "call" | "verdict"> {
  const calls = new Histogram({
    name: "latchkey_call_seconds",
    help: "Calls by method and code, from the first byte of the request to the last of the response.",
    labelNames: ["method", "code"],
    buckets: callBuckets,
    registers,
  });
  const verdicts = createTally({
    name: "latchkey_verdicts_total",
    help: "Verdicts given about tokens.",
    label: "verdict",
    registers,
  });
  return {
    call: (method, code, seconds) => calls.observe({ method, code }, seconds),
    verdict: (verdict) => verdicts.count(verdict, 1),
  };
}

function createConnectionMetrics(
  registers: Registry[],
): Pick<Metrics, "refusedConnection" | "evictedConnection"> {
  const refused = new Counter({
    name: "latchkey_refused_connections_total",
    help: "Connections that the server refused or cut off, by reason.",
    labelNames: ["reason"],
    registers,
  });
  const evicted = new Counter({
    name: "latchkey_evicted_connections_total",
    help: "Idle connections that were closed to make room for another one, by the limit that was reached.",
    labelNames: ["reason"],
    registers,
  });
  return {
    refusedConnection: (reason) => refused.inc({ reason }),
    evictedConnection: (reason) => evicted.inc({ reason }),
  };
}

function createDatabaseMetrics(registers: Registry[]): Pick<Metrics, "query" | "settled" | "hit" | "miss"> {
  const queries = new Histogram({
    name: "latchkey_database_seconds",
    help: "Statements, from handing them to the driver to their result.",
    labelNames: ["outcome"],
    buckets: queryBuckets,
    registers,
  });
  const settled = new Histogram({
    name: "latchkey_acknowledged_seconds",
    help: "How long changes waited to be effective everywhere. Many timeouts mean that an instance is slow or gone.",
    labelNames: ["outcome"],
    buckets: queryBuckets,
    registers,
  });
  const waitedFor = new Histogram({
    name: "latchkey_acknowledged_instances",
    help: "How many other instances changes waited for.",
    buckets: instanceBuckets,
    registers,
  });
  const lookups = createTally({
    name: "latchkey_lookups_total",
    help: "Look-ups of credentials, from the cache (memory) or from the database.",
    label: "from",
    registers,
  });
  return {
    query: (milliseconds, ok) => queries.observe({ outcome: ok ? "ok" : "failed" }, milliseconds / 1000),
    settled(how, milliseconds, others) {
      settled.observe({ outcome: how.replace(" ", "_") }, milliseconds / 1000);
      waitedFor.observe(others);
    },
    hit: (count) => lookups.count("memory", count),
    miss: (count) => lookups.count("database", count),
  };
}

function createLimitMetrics(registers: Registry[]): Pick<Metrics, "limitDecided" | "limitForgotten"> {
  const decisions = createTally({
    name: "latchkey_rate_limit_decisions_total",
    help: "Calls that took from rate limits, by what decided. With local, the shared store was away: limits hold per instance.",
    label: "by",
    registers,
  });
  const forgotten = new Counter({
    name: "latchkey_rate_limit_counters_forgotten_total",
    help: "Counters of rate limits that were dropped early, because the memory had too many.",
    registers,
  });
  return { limitDecided: (by) => decisions.count(by, 1), limitForgotten: () => forgotten.inc() };
}

function createGuardMetrics(registers: Registry[]): Pick<Metrics, "guardsWaited" | "showGuards"> {
  let read: () => Record<string, number> = () => ({});
  new Gauge({
    name: "latchkey_guards",
    help: "Guards that watch this instance, by state. A late one has not acknowledged in time. An ended one still has a grant.",
    labelNames: ["state"],
    registers,
    collect() {
      for (const [state, count] of Object.entries(read())) this.set({ state }, count);
    },
  });
  const waited = new Histogram({
    name: "latchkey_guard_wait_seconds",
    help: "How long this instance waited for guards before it acknowledged a change. With expired, a guard was silent.",
    labelNames: ["outcome"],
    buckets: queryBuckets,
    registers,
  });
  return {
    guardsWaited: (how, milliseconds) => waited.observe({ outcome: how }, milliseconds / 1000),
    showGuards(states) {
      read = states;
    },
  };
}

function showVersion(version: string, registers: Registry[]): void {
  const build = new Gauge({
    name: "latchkey_build_info",
    help: "The version of the program, as a label. The value is always 1.",
    labelNames: ["version"],
    registers,
    // All workers run one program, so their values are not added.
    aggregator: "first",
  });
  build.set({ version }, 1);
}

function observePools(pools: () => Record<string, PoolStats>, registers: Registry[]): void {
  new Gauge({
    name: "latchkey_database_pool",
    help: "Connections of a pool, and callers that wait for one.",
    labelNames: ["pool", "state"],
    registers,
    collect() {
      for (const [pool, stats] of Object.entries(pools())) {
        for (const [state, count] of Object.entries(stats)) this.set({ pool, state }, count);
      }
    },
  });
}
