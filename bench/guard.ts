import { type Comparison, comparisonTable, decimals, median, short, whole } from "./compare.ts";
import { openBenchDatabase } from "./database.ts";
import { haveQuickGenerators, pressHttp1, type Seen } from "./generators.ts";
import type { GuardSamples } from "./guard-probe.ts";
import { keyToken } from "./keys.ts";
import type { Options } from "./options.ts";
import type { Part } from "./part.ts";
import type { Progress } from "./part-runner.ts";
import { runToEnd, startServer } from "./processes.ts";
import { startService } from "./service.ts";
import { type Stack, startInto } from "./stack.ts";

const tokens = 10_000;
// Few enough that the warm-up brings all of them into the cache.
const tokensOfRoute = 1_000;
const manyKeys = 100_000;
const inFlight = 50;
const warmSeconds = 6;
const mebibyte = 2 ** 20;

/** A guard in the process of another service: hot, cold, behind an Express route, and with many keys. */
export const guard: Part = async (stack, options, progress) => {
  const keys = options.quick ? tokens : manyKeys;
  const database = await openBenchDatabase(stack, keys, 1);
  const service = await startService(stack, database);
  const env = (more: Record<string, string> = {}) => ({
    BENCH_URL: `http://127.0.0.1:${service.port}`,
    BENCH_BEARER: database.platformToken,
    ...more,
  });
  progress("guard: hot and cold");
  const { rounds, seconds } = options;
  const times = { BENCH_ROUNDS: String(rounds), BENCH_SECONDS: String(Math.min(1, seconds)) };
  const samples: GuardSamples = JSON.parse(runToEnd(["bench/guard-probe.ts"], env(times)));
  progress("guard: an Express route");
  // Only wrk can send another token with each call.
  const routes = haveQuickGenerators ? [await measureRoute(stack, env(), options, progress)] : [];
  progress(`guard: the memory with ${whole(keys)} keys`);
  const memory = runToEnd(["--expose-gc", "bench/guard-memory-probe.ts"], env({ BENCH_KEYS: String(keys) }));
  return [
    `### Guard: in the process of another service, ${whole(tokens)} different tokens\n`,
    probeTable(samples),
    routes.length > 0 ? comparisonTable(routes) : "",
    memoryText(memory),
  ].join("\n");
};

// The two routes take turns. Every call has another token than the one before.
async function measureRoute(
  stack: Stack,
  env: Record<string, string>,
  { quick, seconds, rounds }: Pick<Options, "quick" | "seconds" | "rounds">,
  progress: Progress,
): Promise<Comparison> {
  const ports = /listening on (\d+) and (\d+)/;
  const server = await startInto(stack, () => startServer(["bench/servers/express.ts"], env, ports));
  const gets = Array.from({ length: tokensOfRoute }, (_, n) => ({ authorization: `Bearer ${keyToken(n)}` }));
  const press = (port: string | undefined, length: number): Promise<Seen> => {
    const common = { path: "/runs", headers: {}, bodies: [], gets, inFlight, serverPid: server.pid };
    return pressHttp1({ ...common, port: Number(port), seconds: length });
  };
  const [, behind, without] = server.announced;
  for (const port of [behind, without]) await press(port, quick ? 1 : warmSeconds);
  const row = { what: "an Express route behind the guard", limit: "the same route without it", reach: 0.9 };
  const seen: { ours: Seen[]; limits: Seen[] } = { ours: [], limits: [] };
  for (let round = 1; round <= rounds; round++) {
    seen.limits.push(await press(without, seconds));
    seen.ours.push(await press(behind, seconds));
    progress(`guard, round ${round}: ${whole(seen.ours.at(-1)?.perSecond ?? 0)}/s behind the guard`);
  }
  return { ...row, ...seen };
}

function probeTable({ limit, hot, calls, cold }: GuardSamples): string {
  const ratios = (ours: readonly number[], of: readonly number[]) =>
    ours.map((one, n) => one / (of[n] ?? Number.NaN));
  const cell = (values: readonly number[]) =>
    `**${short(median(values))}** (${short(Math.min(...values))} to ${short(Math.max(...values))})`;
  const times = ratios(limit, hot);
  const micros = (perSecond: readonly number[]) => decimals(1e6 / median(perSecond));
  return [
    "| what | limit | limit µs | ours µs | × the time (lowest to highest) | to reach | |",
    "| --- | --- | --: | --: | --- | --- | --- |",
    `| \`guard.verify\`, hot | parse + SHA-256 + LRU get | ${micros(limit)} | ${micros(hot)} | ${cell(times)} | ≤ 2 | ${median(times) <= 2 ? "reached" : "**short**"} |`,
    `| \`guard.verify\`, cold, ${inFlight} in flight | \`VerifyToken\` with \`fresh\`, gRPC | ${micros(calls)} | ${micros(cold)} | ${cell(ratios(calls, cold))} | | |`,
    "",
  ].join("\n");
}

function memoryText(output: string): string {
  const [entries = 0, bytes = 0, resident = 0] = output.split(" ").map(Number);
  return [
    `A guard with ${whole(entries)} keys takes ${whole(bytes / mebibyte)} MiB, that is ${whole(bytes / entries)} bytes for each key`,
    `(to reach: at most 250 MiB with ${whole(manyKeys)}). The resident memory of its process is ${whole(resident / mebibyte)} MiB.\n`,
  ].join("\n");
}
