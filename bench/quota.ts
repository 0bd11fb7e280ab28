import { setTimeout as wait } from "node:timers/promises";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import pg from "pg";
import { TokenService } from "../gen/latchkey/v1/token_service_pb.ts";
import { Verdict } from "../gen/latchkey/v1/verdict_pb.ts";
import { median, whole } from "./compare.ts";
import type { BenchDatabase } from "./database.ts";
import { keyId, keyToken } from "./keys.ts";
import type { Options } from "./options.ts";
import type { Progress } from "./part-runner.ts";
import { type Service, startService } from "./service.ts";
import type { Stack } from "./stack.ts";

const credits = 1_000;
const callers = 200;
const settleMs = 2_000;

/** Returns how many verifications of a key with 1,000 credits are accepted. Throws if the number is wrong in any run. */
export async function quotaText(
  stack: Stack,
  database: BenchDatabase,
  { quick }: Pick<Options, "quick">,
  progress: Progress,
): Promise<string> {
  const runs = quick ? 2 : 20;
  const instances = [await startService(stack, database), await startService(stack, database)];
  await wait(settleMs);
  const durations: number[] = [];
  for (let run = 0; run < runs; run++) {
    await setCredits(database.url, run);
    const startedAt = performance.now();
    const accepted = await spendAll(instances, database.platformToken, run);
    durations.push(performance.now() - startedAt);
    if (accepted !== credits) throw new Error(`${accepted} of ${credits} credits were accepted`);
    progress(`quota, run ${run + 1}: ${accepted} accepted`);
  }
  const perSecond = (1_000 * (credits + callers)) / median(durations);
  return [
    `A quota of ${whole(credits)}, under ${callers} concurrent callers at two instances: exactly ${whole(credits)} were accepted in each of`,
    `${runs} runs (to reach: exactly ${whole(credits)}). One key serves ${whole(perSecond)} such calls per second (median).\n`,
  ].join("\n");
}

async function setCredits(url: string, key: number): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const text =
      "insert into credit (id, account_id, remaining, granted) select id, account_id, $2, $2 from api_key where id = $1";
    await client.query(text, [keyId(key), credits]);
  } finally {
    await client.end();
  }
}

// Each caller verifies until it is refused.
async function spendAll(instances: readonly Service[], bearer: string, key: number): Promise<number> {
  const headers = { authorization: `Bearer ${bearer}` };
  const clients = instances.map(({ port }) => {
    const baseUrl = `http://127.0.0.1:${port}`;
    return createClient(TokenService, createConnectTransport({ baseUrl, httpVersion: "2" }));
  });
  let accepted = 0;
  const spend = async (client: (typeof clients)[number]): Promise<void> => {
    for (;;) {
      const { valid, verdict } = await client.verifyToken({ token: keyToken(key) }, { headers });
      if (!valid && verdict !== Verdict.QUOTA_EXCEEDED) throw new Error(`a key was refused: ${verdict}`);
      if (!valid) return;
      accepted += 1;
    }
  };
  const all = Array.from({ length: callers }, (_, n) => clients[n % clients.length]);
  await Promise.all(all.flatMap((client) => (client ? [spend(client)] : [])));
  return accepted;
}
