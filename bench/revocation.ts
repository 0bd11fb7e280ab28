import { setTimeout as wait } from "node:timers/promises";
import pg from "pg";
import { quantile } from "./closed-loop.ts";
import { decimals, whole } from "./compare.ts";
import { openBenchDatabase } from "./database.ts";
import { teams } from "./fill.ts";
import { keyId, keyToken } from "./keys.ts";
import type { Part } from "./part.ts";
import { type Service, startService, verifyPath } from "./service.ts";

const firstKey = 100;
// Longer than a lease, so that the instances know each other.
const settleMs = 2_000;

const revokePath = "/latchkey.v1.ApiKeyService/RevokeApiKey";
const revokeManyPath = "/latchkey.v1.ApiKeyService/RevokeApiKeys";
const plainUpdate = "update api_key set description = description where id = $1";

/** What the measurements share. */
interface Run {
  instances: readonly Service[];
  /** The instance that revokes. */
  first: Service;
  bearer: string;
  databaseUrl: string;
  /** How many revocations each measurement makes. */
  count: number;
  /** Returns the number of a key that is not revoked yet. */
  nextKey(): number;
}

/** The duration of acknowledged revocations with two instances, and the last moment at which an instance accepts the key. */
export const revocation: Part = async (stack, { quick }, progress) => {
  const count = quick ? 30 : 400;
  const many = quick ? 200 : 5_000;
  const database = await openBenchDatabase(stack, firstKey, 3 * count + many);
  const first = await startService(stack, database);
  const instances = [first, await startService(stack, database)];
  const bearer = `Bearer ${database.platformToken}`;
  let next = firstKey;
  const run: Run = { instances, first, bearer, databaseUrl: database.url, count, nextKey: () => next++ };
  await wait(settleMs);
  // These calls compile the code.
  for (let n = 0; n < count / 4; n++) await revoke(run, run.nextKey());

  progress("revocations and plain updates");
  const { revoked, updated } = await measureDurations(run);
  progress("the last acceptance");
  const lastAcceptances = await measureLastAcceptances(run);
  progress("many at once");
  const { total, perSecond } = await revokeMany(run);

  const late = lastAcceptances.filter((after) => after > 0).length;
  if (late > 0) throw new Error(`${late} keys were accepted after their revocation had returned`);
  const [p50, p99] = [0.5, 0.99].map((share) => at(revoked, share) - at(updated, share));
  return [
    `### Revocation: two instances, one call at a time, ${whole(count)} of each\n`,
    "| | p50 ms | p99 ms |",
    "| --- | --: | --: |",
    `| RevokeApiKey, acknowledged by both | ${decimals(at(revoked, 0.5))} | ${decimals(at(revoked, 0.99))} |`,
    `| a plain committed update | ${decimals(at(updated, 0.5))} | ${decimals(at(updated, 0.99))} |`,
    `| more than that (to reach: 3 and 20) | ${decimals(p50 ?? Number.NaN)} | ${decimals(p99 ?? Number.NaN)} |`,
    "",
    `The last verification that accepted the key, at either instance, began ${decimals(-at(lastAcceptances, 0.5))} ms before its revocation returned (median). The`,
    `latest one of all began ${decimals(-at(lastAcceptances, 1))} ms before. If one began after the return, the bench fails. RevokeApiKeys: ${whole(perSecond)} keys/s (to reach: 8,000), ${whole(total)} of them.\n`,
  ].join("\n");
};

// Revocations and plain updates take turns, so that both see the same machine.
async function measureDurations(run: Run): Promise<{ revoked: number[]; updated: number[] }> {
  const client = new pg.Client({ connectionString: run.databaseUrl });
  await client.connect();
  const [revoked, updated]: [number[], number[]] = [[], []];
  let key = run.nextKey();
  for (let n = 0; n < run.count; n++) {
    const revokedAt = performance.now();
    await revoke(run, key);
    revoked.push(performance.now() - revokedAt);
    key = run.nextKey();
    const updatedAt = performance.now();
    await client.query({ name: "plain", text: plainUpdate, values: [keyId(key)] });
    updated.push(performance.now() - updatedAt);
  }
  await client.end();
  return { revoked, updated };
}

// Returns the start of the last verification that accepted each key, in milliseconds after the return of its revocation.
async function measureLastAcceptances(run: Run): Promise<number[]> {
  const last: number[] = [];
  for (let n = 0; n < run.count; n++) {
    const key = run.nextKey();
    const verifying = run.instances.map((instance) => verifyUntilRefused(instance, run.bearer, key));
    await Promise.all(verifying.map(({ accepted }) => accepted));
    await revoke(run, key);
    const returnedAt = performance.now();
    for (const { lastStart } of verifying) last.push((await lastStart) - returnedAt);
  }
  return last;
}

// The keys of the first team only compile the code.
async function revokeMany(run: Run): Promise<{ total: number; perSecond: number }> {
  await revokeTeam(run, 0);
  const startedAt = performance.now();
  let total = 0;
  for (let team = 1; team < teams; team++) total += await revokeTeam(run, team);
  return { total, perSecond: (1_000 * total) / (performance.now() - startedAt) };
}

/** Revokes all keys with the label of a team. Returns their number. */
async function revokeTeam({ first, bearer }: Run, team: number): Promise<number> {
  const filter = { kind: "API_KEY_KIND_APPLICATION", labels: `team=team-${team}` };
  let total = 0;
  for (let remaining = 1; remaining > 0; ) {
    const request = { filter, limit: 1_000 };
    const { revokedCount, remainingCount } = await call(first, bearer, revokeManyPath, request);
    total += Number(revokedCount ?? 0);
    remaining = Number(remainingCount ?? 0);
  }
  return total;
}

function at(values: number[], share: number): number {
  return quantile(
    values.toSorted((a, b) => a - b),
    share,
  );
}

async function revoke({ first, bearer }: Run, key: number): Promise<void> {
  await call(first, bearer, revokePath, { id: keyId(key) });
}

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
  const json = (await response.json()) as Record<string, unknown>;
  if (!response.ok) throw new Error(`${path}: status ${response.status}: ${JSON.stringify(json)}`);
  return json;
}

/**
 * Verifies a key again and again until it is refused. `accepted` resolves when it was accepted for the first time.
 * `lastStart` resolves with the start of the last verification that accepted it.
 */
function verifyUntilRefused(instance: Service, bearer: string, key: number) {
  const accepted = Promise.withResolvers<void>();
  async function verify(): Promise<number> {
    let last = Number.NEGATIVE_INFINITY;
    for (;;) {
      const startedAt = performance.now();
      const { valid } = await call(instance, bearer, verifyPath, { token: keyToken(key) });
      if (!valid) return last;
      last = startedAt;
      accepted.resolve();
    }
  }
  return { accepted: accepted.promise, lastStart: verify() };
}
