import { randomInt } from "node:crypto";

import { type Comparison, comparisonTable, median, whole } from "./compare.ts";
import { openBenchDatabase, recommendedBuffers } from "./database.ts";
import { pressHttp1, type Seen } from "./generators.ts";
import { keyToken } from "./keys.ts";
import type { Part } from "./part.ts";
import { startServer } from "./processes.ts";
import { asJson, startService, verifyPath, warm } from "./service.ts";
import { startInto } from "./stack.ts";

const inFlight = 50;
const bodies = 50_000;
// The first calls compile the code.
const warmSeconds = 8;
// The cache has room for the bearer and for few other keys.
const env = { LATCHKEY_CACHE_ENTRIES: "100" };

/** Verification of tokens that are not in the cache, at every size of the database. */
export const cold: Part = async (_stack, options, progress) => {
  const rates: { keys: number; perSecond: number }[] = [];
  const tables: string[] = [];
  for (const keys of options.sizes) {
    await using own = new AsyncDisposableStack();
    progress(`filling a database with ${whole(keys)} keys`);
    const database = await openBenchDatabase(own, keys, 1, { settings: recommendedBuffers });
    const service = await startService(own, database, { env });
    const single = await startService(own, database, { env, program: ["bench/servers/single-lookups.ts"] });
    const response = await warm(service.port, database.platformToken, 100);
    await warm(single.port, database.platformToken, 100);
    const echo = await startInto(own, () =>
      startServer(["bench/servers/echo.ts", response.base64], {}, /listening on (\d+) and (\d+)/),
    );
    const headers = { authorization: `Bearer ${database.platformToken}`, "content-type": "application/json" };
    const press = (port: number, serverPid: number, seconds: number): Promise<Seen> =>
      pressHttp1({
        port,
        serverPid,
        path: verifyPath,
        headers,
        inFlight,
        seconds,
        bodies: Array.from({ length: Math.min(bodies, keys) }, () => asJson(keyToken(randomInt(keys)))),
      });
    const measured = {
      echo: (seconds: number) => press(Number(echo.announced[1]), echo.pid, seconds),
      cold: (seconds: number) => press(service.port, service.pid, seconds),
      single: (seconds: number) => press(single.port, single.pid, seconds),
    };
    const seen: Record<keyof typeof measured, Seen[]> = { echo: [], cold: [], single: [] };
    for (const measure of Object.values(measured)) await measure(options.quick ? 1 : warmSeconds);
    for (let round = 1; round <= options.rounds; round++) {
      for (const name of ["echo", "cold", "single"] as const)
        seen[name].push(await measured[name](options.seconds));
      progress(`cold, ${whole(keys)} keys, round ${round}: ${whole(seen.cold.at(-1)?.perSecond ?? 0)}/s`);
    }
    const what = `VerifyToken, every key a cache miss, ${whole(keys)} keys`;
    const rows: Comparison[] = [
      { what, limit: "connect-node echo", reach: 3, ours: seen.cold, limits: seen.echo },
      {
        what,
        limit: "the same service, one statement per look-up",
        reach: 1.5,
        ours: seen.cold,
        limits: seen.single,
      },
    ];
    tables.push(comparisonTable(rows));
    rates.push({ keys, perSecond: median(seen.cold.map((sample) => sample.perSecond)) });
  }
  const title = `### Cold: every token a cache miss, Connect JSON, ${inFlight} in flight\n`;
  return [title, ...tables, againstSmallest(rates)].join("\n");
};

// Compares the rate of each larger database with that of the smallest one.
function againstSmallest([small, ...larger]: readonly { keys: number; perSecond: number }[]): string {
  if (!small || larger.length === 0) return "";
  const against = larger.map(
    ({ keys, perSecond }) => `${whole(keys)} keys ${(perSecond / small.perSecond).toPrecision(2)}`,
  );
  return `Against the rate at ${whole(small.keys)} keys (to reach: at least 0.8): ${against.join(", ")}.\n`;
}
