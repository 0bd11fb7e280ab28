import { comparisonTable } from "./compare.ts";
import { openBenchDatabase } from "./database.ts";
import { pressHttp1, type Seen } from "./generators.ts";
import { keyToken } from "./keys.ts";
import type { Part } from "./part.ts";
import { asJson, type Service, startService, verifyPath, warm } from "./service.ts";

const tokens = 10_000;
const warmSeconds = 10;

/** Two workers compared with one. The generator runs on the same two cores. */
export const workers: Part = async (stack, options, progress) => {
  const database = await openBenchDatabase(stack, tokens, 1);
  const start = (count: number) =>
    startService(stack, database, { env: { LATCHKEY_WORKERS: String(count) }, pinned: false });
  const [one, two] = [await start(1), await start(2)];
  const headers = { authorization: `Bearer ${database.platformToken}`, "content-type": "application/json" };
  const bodies = Array.from({ length: tokens }, (_, index) => asJson(keyToken(index)));
  const press = ({ port, pid }: Service, seconds = options.seconds): Promise<Seen> =>
    pressHttp1({
      port,
      serverPid: pid,
      path: verifyPath,
      headers,
      bodies,
      inFlight: 50,
      seconds,
      pinned: false,
    });
  for (const service of [one, two]) {
    await warm(service.port, database.platformToken, tokens);
    // Afterwards, each worker has verified every token.
    await press(service, options.quick ? 1 : warmSeconds);
  }
  const seen: { one: Seen[]; two: Seen[] } = { one: [], two: [] };
  for (let round = 1; round <= options.rounds; round++) {
    seen.one.push(await press(one));
    seen.two.push(await press(two));
    progress(`workers, round ${round}: ${Math.round(seen.two.at(-1)?.perSecond ?? 0)}/s with two`);
  }
  const row = { what: "VerifyToken, Connect JSON, two workers", limit: "one worker", reach: 1.6 };
  return `### Two workers\n\n${comparisonTable([{ ...row, ours: seen.two, limits: seen.one }])}`;
};
