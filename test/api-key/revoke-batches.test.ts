import { Code } from "@connectrpc/connect";
import { sql } from "kysely";
import { expect, test } from "vitest";
import { revokedOf } from "../support/actors/api-key.ts";
import { manyKeys } from "../support/actors/many-keys.ts";
import { issueKey, type Owner } from "../support/app.ts";
import { untilWaiting } from "../support/database/waiting.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
const accountOf = (owner: Owner) => owner.account.metadata?.id ?? "";
const filter = { labels: "run=many" };
const labels = { run: "many" };

test("a call revokes the oldest keys up to its limit and returns how many remain", async () => {
  const owner = await app.newAccount();
  const ids = await manyKeys(app, owner, 5, { labels });
  const seen: number[][] = [];
  for (let left = 1; left > 0; ) {
    const { revokedCount, remainingCount } = await owner.apiKeys.revokeApiKeys({ filter, limit: 2 });
    seen.push([revokedCount, remainingCount]);
    left = remainingCount;
    const states = await revokedOf(app, owner);
    expect(ids.map((id) => states[id])).toEqual(ids.map((_, at) => at < ids.length - left));
  }
  expect(seen).toEqual([
    [2, 3],
    [2, 1],
    [1, 0],
  ]);
});

test("one call revokes more keys than a batch has", async () => {
  const owner = await app.newAccount();
  await manyKeys(app, owner, 250, { labels });
  const answer = await owner.apiKeys.revokeApiKeys({ filter });
  expect(answer).toMatchObject({ revokedCount: 250, remainingCount: 0 });
});

test("the default limit is 1,000 keys per call", async () => {
  const owner = await app.newAccount();
  await manyKeys(app, owner, 1_001, { labels });
  const answer = await owner.apiKeys.revokeApiKeys({ filter });
  expect(answer).toMatchObject({ revokedCount: 1_000, remainingCount: 1 });
});

test("a call whose deadline is near revokes one batch and responds in time", async () => {
  const owner = await app.newAccount();
  await manyKeys(app, owner, 150, { labels });
  const answer = await owner.apiKeys.revokeApiKeys({ filter }, { timeoutMs: 1_900 });
  expect(answer).toMatchObject({ revokedCount: 100, remainingCount: 50 });
  const rest = await owner.apiKeys.revokeApiKeys({ filter }, { timeoutMs: 20_000 });
  expect(rest).toMatchObject({ revokedCount: 50, remainingCount: 0 });
});

test("while one batch waits, the call revokes the next ones", async () => {
  const owner = await app.newAccount();
  const ids = await manyKeys(app, owner, 350, { labels });
  const revokedSoFar = async () => {
    const states = await revokedOf(app, owner);
    return ids.filter((id) => states[id]).length;
  };
  const { calling } = await app.db.transaction().execute(async (tx) => {
    await sql`select from api_key where id = ${ids[0]} for update`.execute(tx);
    const calling = owner.apiKeys.revokeApiKeys({ filter });
    await expect.poll(revokedSoFar).toBe(250);
    return { calling };
  });
  expect(await calling).toMatchObject({ revokedCount: 350, remainingCount: 0 });
});

test("while both batches of a call wait, another key can be revoked", async () => {
  const owner = await app.newAccount();
  const ids = await manyKeys(app, owner, 350, { labels });
  const other = await issueKey(owner);
  const { calling } = await app.db.transaction().execute(async (tx) => {
    const held = [ids[0], ids[100]];
    await sql`select from api_key where id = any (${held}) for update`.execute(tx);
    const calling = owner.apiKeys.revokeApiKeys({ filter });
    await untilWaiting(app.db, 2);
    await owner.apiKeys.revokeApiKey({ id: other.id });
    return { calling };
  });
  expect(await calling).toMatchObject({ revokedCount: 350, remainingCount: 0 });
});

test("after a batch has failed, the call begins no other one", async () => {
  const owner = await app.newAccount();
  const ids = await manyKeys(app, owner, 700, { labels });
  // The next change of this key does not fit into the column.
  await sql`update api_key set version = 2147483647 where id = ${ids[0]}`.execute(app.db);
  await expect(owner.apiKeys.revokeApiKeys({ filter })).rejects.toMatchObject({ code: Code.Internal });
  const states = await revokedOf(app, owner);
  // The other batch that ran may have been faster.
  expect(ids.filter((id) => states[id]).length).toBeLessThan(500);
});

test.each(["labels", "minter"])(
  "concurrent calls with a filter by %s revoke each key once and do not delay each other",
  async (by) => {
    const owner = await app.newAccount();
    const leaked = await issueKey(owner);
    const ids = await manyKeys(app, owner, 250, { labels, mintedBy: leaked.id });
    const asked = by === "labels" ? filter : { mintedByKeyId: leaked.id };
    const runs = Array.from({ length: 4 }, () => owner.apiKeys.revokeApiKeys({ filter: asked }));
    const answers = await Promise.all(runs);
    expect(answers.map((answer) => answer.remainingCount)).toEqual([0, 0, 0, 0]);
    expect(answers.reduce((sum, answer) => sum + answer.revokedCount, 0)).toBe(250);
    const events = await app.db
      .selectFrom("audit_event")
      .select("resource_id")
      .where("account_id", "=", accountOf(owner))
      .where("method", "=", "latchkey.v1.ApiKeyService/RevokeApiKeys")
      .execute();
    expect(events.map((event) => event.resource_id).sort()).toEqual(ids.sort());
  },
);
