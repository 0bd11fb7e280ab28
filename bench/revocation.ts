import { setTimeout as wait } from "node:timers/promises";
import pg from "pg";
import { quantile } from "./closed-loop.ts";
import { decimals, whole } from "./compare.ts";
import { openBenchDatabase } from "./database.ts";
import { keyId, keyToken } from "./keys.ts";
import type { Part } from "./part.ts";
import { type Service, startService, verifyPath } from "./service.ts";

const first = 100;
// Of each call that is not measured: what compiles it, and a lease after which everybody is known.
const warmMs = 2_000;

/** What an acknowledged revocation takes with two instances, and when the last verification accepts the key. */
export const revocation: Part = async (stack, options, progress) => {
  const count = options.quick ? 30 : 400;
  const many = options.quick ? 200 : 5_000;
  const database = await openBenchDatabase(stack, first, 3 * count + many);
  const instances = [await startService(stack, database), await startService(stack, database)];
  const bearer = `Bearer ${database.platformToken}`;
  const [one] = instances;
  if (!one) throw new Error("no instance was started");
  await wait(warmMs);
  let next = first;
  for (let n = 0; n < count / 4; n++) await call(one, bearer, revokePath, { id: keyId(next++) });

  progress("revocations and plain updates");
  const plain = new pg.Client({ connectionString: database.url });
  await plain.connect();
  const [revoked, updated, last]: number[][] = [[], [], []];
  for (let n = 0; n < count; n++) {
    const startedAt = performance.now();
    await call(one, bearer, revokePath, { id: keyId(next++) });
    revoked?.push(performance.now() - startedAt);
    const plainAt = performance.now();
    await plain.query({ name: "plain", text: plainUpdate, values: [keyId(next)] });
    updated?.push(performance.now() - plainAt);
  }
  await plain.end();

  progress("the last acceptance");
  for (let n = 0; n < count; n++) {
    const key = next++;
    const asking = instances.map((instance) => askUntilRefused(instance, bearer, key));
    await Promise.all(asking.map(({ accepted }) => accepted));
    await call(one, bearer, revokePath, { id: keyId(key) });
    const returnedAt = performance.now();
    for (const { lastStart } of asking) last?.push((await lastStart) - returnedAt);
  }

  progress("many at once");
  const filter = { kind: "API_KEY_KIND_APPLICATION", labels: "team=team-3" };
  const manyAt = performance.now();
  let total = 0;
  for (let remaining = 1; remaining > 0; ) {
    const { revokedCount, remainingCount } = await call(one, bearer, revokeManyPath, {
      filter,
      limit: 1_000,
    });
    total += Number(revokedCount ?? 0);
    remaining = Number(remainingCount ?? 0);
  }
  const perSecond = (1_000 * total) / (performance.now() - manyAt);

  const late = last?.filter((after) => after > 0).length ?? 0;
  if (late > 0) throw new Error(`${late} keys were accepted after their revocation had returned`);
  const at = (values: number[] = [], share: number) =>
    quantile(
      values.toSorted((a, b) => a - b),
      share,
    );
  const [p50, p99] = [0.5, 0.99].map((share) => at(revoked, share) - at(updated, share));
  return [
    `### Revocation: two instances, one call at a time, ${whole(count)} of each\n`,
    "| | p50 ms | p99 ms |",
    "| --- | --: | --: |",
    `| RevokeApiKey, acknowledged by both | ${decimals(at(revoked, 0.5))} | ${decimals(at(revoked, 0.99))} |`,
    `| a plain committed update | ${decimals(at(updated, 0.5))} | ${decimals(at(updated, 0.99))} |`,
    `| more than that (to reach: 10 and 50) | ${decimals(p50 ?? Number.NaN)} | ${decimals(p99 ?? Number.NaN)} |`,
    "",
    `The last verification that accepted the key, at either instance, began ${decimals(-at(last, 0.5))} ms before its revocation returned (median); the`,
    `latest of all began ${decimals(-at(last, 1))} ms before (never after, or the bench fails). RevokeApiKeys: ${whole(perSecond)} keys/s, ${whole(total)} of them.\n`,
  ].join("\n");
};

const revokePath = "/latchkey.v1.ApiKeyService/RevokeApiKey";
const revokeManyPath = "/latchkey.v1.ApiKeyService/RevokeApiKeys";
const plainUpdate = "update api_key set description = description where id = $1";

async function call(
  { port }: Service,
  bearer: string,
  path: string,
  body: object,
): Promise<Record<string, unknown>> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    method: "POST",
    headers: { authorization: bearer, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const answer = (await response.json()) as Record<string, unknown>;
  if (!response.ok) throw new Error(`${path} answered ${response.status}: ${JSON.stringify(answer)}`);
  return answer;
}

/** Asks about a key over and over: when it was first accepted, and when the last question began that was accepted. */
function askUntilRefused(instance: Service, bearer: string, key: number) {
  let accepted = () => {};
  const first = new Promise<void>((resolve) => {
    accepted = resolve;
  });
  async function ask(): Promise<number> {
    let last = Number.NEGATIVE_INFINITY;
    for (;;) {
      const startedAt = performance.now();
      const { valid } = await call(instance, bearer, verifyPath, { token: keyToken(key) });
      if (!valid) return last;
      last = startedAt;
      accepted();
    }
  }
  return { accepted: first, lastStart: ask() };
}
