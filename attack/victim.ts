import type { Agent } from "node:http";
import { setTimeout as wait } from "node:timers/promises";
import { serveJobs } from "../bench/jobs.ts";
import { keepAlive, outcomeOf, post } from "./http.ts";

/** Requests of one kind, sent at a fixed rate whatever becomes of those before. */
export interface Series {
  name: string;
  perSecond: number;
  /** Each request has a connection of its own; otherwise connections are kept and shared. */
  ownConnection: boolean;
  /** Taken in turns, with the text that a right response has. */
  requests: { body: string; expected: string }[];
}

/** What a victim does. */
export interface VictimJob {
  port: number;
  path: string;
  bearer: string;
  seconds: number;
  series: Series[];
}

/** What a victim saw of one series. Milliseconds from the moment at which a request was due. */
export interface SeriesSeen {
  name: string;
  latencies: number[];
  /** How often each kind of failure occurred. */
  failures: Record<string, number>;
}

/** What a victim saw of all its series. */
export interface VictimReport {
  series: SeriesSeen[];
  /** Milliseconds by which this process itself sent late. They count in the latencies. */
  lateness: number[];
}

/** Sends each series at its rate: an open loop, so that a slow response delays no later request. */
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
  const underWay: Promise<void>[] = [];
  for (let n = 0; n < count; n++) {
    const dueAt = startedAt + (n * 1_000) / series.perSecond;
    const early = dueAt - performance.now();
    if (early > 0) await wait(early);
    lateness.push(Math.max(0, performance.now() - dueAt));
    const request = series.requests[n % series.requests.length];
    if (!request) throw new Error(`the series "${series.name}" has no requests`);
    underWay.push(send(job, series.ownConnection ? undefined : agent, request, dueAt, seen));
  }
  await Promise.all(underWay);
  return seen;
}

async function send(
  { port, path, bearer }: VictimJob,
  agent: Agent | undefined,
  { body, expected }: Series["requests"][number],
  dueAt: number,
  seen: SeriesSeen,
): Promise<void> {
  const answer = await post({ port, path, bearer, body, ...(agent && { agent }) }).catch(
    (error: Error) => error,
  );
  seen.latencies.push(performance.now() - dueAt);
  const outcome = outcomeOf(answer);
  const failure = outcome !== "ok" ? outcome : rightly(answer, expected) ? undefined : "wrong response";
  if (failure !== undefined) seen.failures[failure] = (seen.failures[failure] ?? 0) + 1;
}

const rightly = (answer: object, expected: string) =>
  "text" in answer && String(answer.text).includes(expected);

serveJobs(run);
