import { spawnSync } from "node:child_process";
import { setTimeout as wait } from "node:timers/promises";
import pg from "pg";
import { startRedis } from "../test/support/limits/redis.ts";
import { type Comparison, comparisonTable, whole } from "./compare.ts";
import { type BenchDatabase, openBenchDatabase } from "./database.ts";
import { pressHttp1, type Seen } from "./generators.ts";
import { keyId, keyToken } from "./keys.ts";
import type { Options } from "./options.ts";
import type { Part } from "./part.ts";
import type { Progress } from "./part-runner.ts";
import { quotaText } from "./quota.ts";
import { asJson, type Service, startService, verifyPath, warm } from "./service.ts";

// The keys of each number of limits follow one another.
const keysOfEach = 2_000;
const numbersOfLimits = [0, 1, 3] as const;
const inFlight = 50;
const warmSeconds = 6;
// Longer than a lease, so that the instances know each other.
const settleMs = 2_000;
const haveRedis = spawnSync("redis-server", ["--version"], { stdio: "ignore" }).status === 0;

type Seconds = Pick<Options, "quick" | "seconds" | "rounds">;
type SeenByLimits = Record<(typeof numbersOfLimits)[number], Seen[]>;

/** Verification of keys with rate limits, compared with keys without, and a quota that many callers use at once. */
export const limits: Part = async (stack, options, progress) => {
  const total = keysOfEach * numbersOfLimits.length;
  const database = await openBenchDatabase(stack, total, 1);
  await setLimits(database.url);
  const rows: Comparison[] = [];
  {
    await using alone = new AsyncDisposableStack();
    const service = await startService(alone, database);
    rows.push(...rowsOf("in memory", await measure(database, service, options, progress), 0.8));
  }
  if (!haveRedis) progress("redis-server is missing (Debian: redis-server), so its rows are left out");
  for (const store of haveRedis ? ["Redis", "Postgres"] : ["Postgres"]) {
    await using both = new AsyncDisposableStack();
    const env: Record<string, string> = {};
    if (store === "Redis") {
      const redis = await startRedis();
      both.defer(redis.stop);
      env.LATCHKEY_REDIS_URL = redis.url;
    }
    const first = await startService(both, database, { env });
    await startService(both, database, { env });
    await wait(settleMs);
    const reach = store === "Redis" ? 0.4 : undefined;
    const seen = await measure(database, first, options, progress);
    rows.push(...rowsOf(`two instances, ${store}`, seen, reach));
  }
  return [
    `### Rate limits and quotas: ${whole(keysOfEach)} keys of each kind, Connect JSON, ${inFlight} in flight\n`,
    comparisonTable(rows),
    await quotaText(stack, database, options, progress),
  ].join("\n");
};

// No call is refused: the limits are higher than the number of calls.
async function setLimits(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    for (const [place, count] of numbersOfLimits.entries()) {
      const stored = Array.from({ length: count }, (_, n) => ({
        ...{ name: `limit ${n}`, limit: 1_000_000_000, period_ms: 60_000 * (n + 1), cost: 1 },
      }));
      const ids = Array.from({ length: keysOfEach }, (_, n) => keyId(place * keysOfEach + n));
      const text = "update api_key set rate_limits = $1 where id = any ($2)";
      const { rowCount } = await client.query(text, [JSON.stringify(stored), ids]);
      if (rowCount !== keysOfEach) throw new Error("a key is missing");
    }
    await client.query("vacuum (analyze) api_key");
  } finally {
    await client.end();
  }
}

// The kinds of keys take turns, at one instance.
async function measure(
  { platformToken }: BenchDatabase,
  { port, pid }: Service,
  { quick, seconds, rounds }: Seconds,
  progress: Progress,
): Promise<SeenByLimits> {
  await warm(port, platformToken, keysOfEach * numbersOfLimits.length);
  const headers = { authorization: `Bearer ${platformToken}`, "content-type": "application/json" };
  const press = (place: number, length: number): Promise<Seen> => {
    const bodies = Array.from({ length: keysOfEach }, (_, n) => asJson(keyToken(place * keysOfEach + n)));
    const common = { path: verifyPath, headers, inFlight, bodies };
    return pressHttp1({ ...common, port, serverPid: pid, seconds: length });
  };
  for (const place of numbersOfLimits.keys()) await press(place, quick ? 1 : warmSeconds);
  const seen: SeenByLimits = { 0: [], 1: [], 3: [] };
  for (let round = 1; round <= rounds; round++) {
    for (const [place, count] of numbersOfLimits.entries()) seen[count].push(await press(place, seconds));
    const rates = numbersOfLimits.map((count) => whole(seen[count].at(-1)?.perSecond ?? 0));
    progress(`limits, round ${round}: ${rates.join(", ")}/s without, with one, with three`);
  }
  return seen;
}

function rowsOf(where: string, seen: SeenByLimits, reach: number | undefined): Comparison[] {
  const limit = "the same without a limit";
  const row = { limit, limits: seen[0] };
  return [
    {
      ...row,
      what: `VerifyToken, one limit, ${where}`,
      ours: seen[1],
      ...(reach !== undefined && { reach }),
    },
    { ...row, what: `VerifyToken, three limits, ${where}`, ours: seen[3] },
  ];
}
