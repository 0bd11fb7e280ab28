import type { Agent } from "node:http";
import { setTimeout as wait } from "node:timers/promises";
import { serveJobs } from "../bench/jobs.ts";
import { keepAlive, outcomeOf, post } from "./http.ts";

/** Requests of one kind. They are sent at a fixed rate, even if earlier ones have no response yet. */
export interface Series {
  name: string;
  perSecond: number;
  /** True: each request opens a connection. False: requests share connections that stay open. */
  ownConnection: boolean;
  /** The requests, in turns. `expected` is a text that the correct response contains. */
  requests: { body: string; expected: string }[];
}

/** A job of the victim process. */
export interface VictimJob {
  port: number;
  path: string;
  bearer: string;
  seconds: number;
  series: Series[];
}

/** The observations of one series. Latencies are in milliseconds from the time at which the request was due. */
export interface SeriesSeen {
  name: string;
  latencies: number[];
  /** How often each kind of failure occurred. */
  failures: Record<string, number>;
}

/** The observations of all series. */
export interface VictimReport {
  series: SeriesSeen[];
  /** The milliseconds by which this process sent each request late. They are part of the latencies. */
  lateness: number[];
}

/** Sends each series at its rate, in an open loop: a slow response does not delay later requests. */
async function run(job: VictimJob): Promise<VictimReport> {
  const agent = keepAlive();
  const lateness: number[] = [];
  const series = await Promise.all(job.series.map((one) => drive(job, one, agent, lateness)));
  agent.destroy();
  return { series, lateness };
}

async function drive(job: VictimJob, series: Series, agent: Agent, lateness: number[]): Promise<SeriesSeen> {
  const seen: SeriesSeen = { name: series.name, latencies: [], failures: {} };
  const count = Math.round(job.seconds * series.perSecond);
  const startedAt = performance.now();
  const inFlight: Promise<void>[] = [];
  for (let n = 0; n < count; n++) {
    const dueAt = startedAt + (n * 1_000) / series.perSecond;
    const early = dueAt - performance.now();
    if (early > 0) await wait(early);
    lateness.push(Math.max(0, performance.now() - dueAt));
    const request = series.requests[n % series.requests.length];
    if (!request) throw new Error(`the series "${series.name}" has no requests`);
    inFlight.push(send(job, series.ownConnection ? undefined : agent, request, dueAt, seen));
  }
  await Promise.all(inFlight);
  return seen;
}

async function send(
  { port, path, bearer }: VictimJob,
  agent: Agent | undefined,
  { body, expected }: Series["requests"][number],
  dueAt: number,
  seen: SeriesSeen,
): Promise<void> {
  const result = await post({ port, path, bearer, body, ...(agent && { agent }) }).catch(
    (error: Error) => error,
  );
  seen.latencies.push(performance.now() - dueAt);
  const outcome = outcomeOf(result);
  const failure = outcome !== "ok" ? outcome : isExpected(result, expected) ? undefined : "wrong response";
  if (failure !== undefined) seen.failures[failure] = (seen.failures[failure] ?? 0) + 1;
}

const isExpected = (result: object, expected: string) =>
  "text" in result && String(result.text).includes(expected);

serveJobs(run);
