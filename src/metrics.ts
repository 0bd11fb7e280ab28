import { Counter, Gauge, Histogram, Registry } from "prom-client";

/** What is counted, for Prometheus. */
export interface Metrics {
  call(method: string, code: string, seconds: number): void;
  verdict(verdict: string): void;
  query(milliseconds: number, ok: boolean): void;
  refusedConnection(reason: string): void;
  render(): Promise<{ contentType: string; body: string }>;
}

/** Connections of the database pool: all, those without work, and callers that wait for one. */
export interface PoolStats {
  total: number;
  idle: number;
  waiting: number;
}

const callBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];
const queryBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5];

/** Creates the metrics of one process. `pool` is read when they are rendered. */
export function createMetrics(pool: () => PoolStats): Metrics {
  const registers = [new Registry()];
  const [registry = new Registry()] = registers;
  const calls = new Histogram({
    name: "latchkey_call_seconds",
    help: "Calls by method and code, from the first byte of the request to the last of the answer.",
    labelNames: ["method", "code"],
    buckets: callBuckets,
    registers,
  });
  const verdicts = new Counter({
    name: "latchkey_verdicts_total",
    help: "Verdicts given about tokens.",
    labelNames: ["verdict"],
    registers,
  });
  const queries = new Histogram({
    name: "latchkey_database_seconds",
    help: "Statements, from handing them to the driver to their result.",
    labelNames: ["outcome"],
    buckets: queryBuckets,
    registers,
  });
  const refused = new Counter({
    name: "latchkey_refused_connections_total",
    help: "Connections that were cut off, by reason.",
    labelNames: ["reason"],
    registers,
  });
  new Gauge({
    name: "latchkey_database_pool",
    help: "Connections of the pool, and callers that wait for one.",
    labelNames: ["state"],
    registers,
    collect() {
      for (const [state, count] of Object.entries(pool())) this.set({ state }, count);
    },
  });
  return {
    call: (method, code, seconds) => calls.observe({ method, code }, seconds),
    verdict: (verdict) => verdicts.inc({ verdict }),
    query: (milliseconds, ok) => queries.observe({ outcome: ok ? "ok" : "failed" }, milliseconds / 1000),
    refusedConnection: (reason) => refused.inc({ reason }),
    render: async () => ({ contentType: registry.contentType, body: await registry.metrics() }),
  };
}
