import { readFileSync } from "node:fs";
import { newId } from "../src/domain/kernel/id.ts";
import { mintToken } from "../src/domain/kernel/token.ts";
import { decimals, median } from "./compare.ts";
import { openBenchDatabase } from "./database.ts";
import { pressHttp1, type Seen } from "./generators.ts";
import { keyToken } from "./keys.ts";
import type { Part } from "./part.ts";
import { asJson, startService, verifyPath, warm } from "./service.ts";

const tokens = 10_000;
const known = 50;
const invented = 10;

/** The latency of known tokens during a flood of invented tokens, each with a correct check. */
export const flood: Part = async (stack, options, progress) => {
  const database = await openBenchDatabase(stack, tokens, 1);
  const service = await startService(stack, database);
  await warm(service.port, database.platformToken, tokens);
  const headers = { authorization: `Bearer ${database.platformToken}`, "content-type": "application/json" };
  const press = (inFlight: number, bodies: Buffer[]): Promise<Seen> =>
    pressHttp1({
      path: verifyPath,
      port: service.port,
      serverPid: service.pid,
      seconds: options.seconds,
      headers,
      inFlight,
      bodies,
    });
  const knownBodies = Array.from({ length: tokens }, (_, index) => asJson(keyToken(index)));
  const inventedBodies = () =>
    Array.from({ length: 20_000 }, () => asJson(mintToken("lk", "live", newId("key")).token));
  await press(known, knownBodies);
  const before = residentMebibytes(service.pid);
  const slower: number[] = [];
  const quiet: number[] = [];
  for (let round = 1; round <= options.rounds; round++) {
    // As many calls in flight as during the flood, so that only the tokens differ.
    const alone = await press(known + invented, knownBodies);
    const [flooded, flooding] = await Promise.all([
      press(known, knownBodies),
      press(invented, inventedBodies()),
    ]);
    slower.push(flooded.p99 / alone.p99);
    quiet.push(alone.p99);
    progress(
      `flood, round ${round}: known ${Math.round(flooded.perSecond)}/s beside ${Math.round(flooding.perSecond)}/s`,
    );
  }
  const after = residentMebibytes(service.pid);
  return [
    "### A flood of invented tokens\n",
    `${invented} callers verify tokens that never existed, and ${known} callers verify known tokens. The p99 of the known tokens is`,
    `${median(slower).toPrecision(2)} × the p99 with ${known + invented} callers that verify known tokens (${decimals(median(quiet))} ms; to reach: at most 2).`,
    `Resident memory of the service before and after: ${before.toFixed(0)} and ${after.toFixed(0)} MiB.\n`,
  ].join("\n");
};

function residentMebibytes(pid: number): number {
  const [, kibibytes] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kibibytes) / 1024;
}
