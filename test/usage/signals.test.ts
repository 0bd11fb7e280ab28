import { sql } from "kysely";
import { expect, test } from "vitest";
import { Verdict } from "../../gen/latchkey/v1/verdict_pb.ts";
import { issueKey, type Owner } from "../support/app.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
const newNetwork = "key_used_from_new_network";
const pause = "key_used_after_pause";

interface Scene {
  owner: Owner;
  keyId: string;
  token: string;
}

async function newScene(): Promise<Scene> {
  const owner = await app.newAccount();
  const { id: keyId, token } = await issueKey(owner);
  return { owner, keyId, token };
}

async function useFrom({ token }: Pick<Scene, "token">, ...addresses: string[]): Promise<void> {
  const { tokens } = app.clientAs(app.platformToken);
  for (const clientAddress of addresses) await tokens.verifyToken({ token, clientAddress });
  await app.app.flush();
}

async function signalsOf({ owner, keyId }: Scene, method: string) {
  const { items } = await owner.audit.listAuditEvents({ method });
  for (const event of items) {
    expect(event).toMatchObject({ method, keyId, resourceId: keyId, resourceType: "api_key", count: 1 });
  }
  return items.map(({ after }) => after);
}

/** Moves what is known about a key into the past. */
async function age({ keyId }: Scene, days: number): Promise<void> {
  await sql`
    update api_key_token_use set last_used_at = last_used_at - ${days} * interval '1 day'
    where token_id in (select id from api_key_token where api_key_id = ${keyId})`.execute(app.db);
  await sql`update key_network set seen_on = seen_on - ${days}::integer where api_key_id = ${keyId}`.execute(
    app.db,
  );
  await sql`update usage_signal set day = day - ${days}::integer where api_key_id = ${keyId}`.execute(app.db);
}

test("the use of a key from a new network records one event per day, and its first network records none", async () => {
  const scene = await newScene();
  await useFrom(scene, "203.0.113.1", "203.0.113.2", "");
  expect(await signalsOf(scene, newNetwork)).toEqual([]);
  await useFrom(scene, "203.0.113.3", "198.51.100.7");
  expect(await signalsOf(scene, newNetwork)).toEqual([{ network: "198.51.100.0/24" }]);
  await useFrom(scene, "192.0.2.1", "2001:db8:1::1");
  expect(await signalsOf(scene, newNetwork)).toHaveLength(1);
  await age(scene, 1);
  await useFrom(scene, "192.0.2.200", "2001:db8:1:ffff::1", "198.51.100.7");
  expect(await signalsOf(scene, newNetwork)).toHaveLength(1);
  await useFrom(scene, "2001:db8:2::1");
  expect(await signalsOf(scene, newNetwork)).toEqual([
    { network: "2001:db8:2::/48" },
    { network: "198.51.100.0/24" },
  ]);
  expect(await signalsOf(scene, pause)).toEqual([]);
});

test("a network counts as new again after 30 days", async () => {
  const scene = await newScene();
  await useFrom(scene, "203.0.113.1", "198.51.100.7");
  await age(scene, 31);
  await sql`update key_network set seen_on = seen_on + 20 where api_key_id = ${scene.keyId} and network = '203.0.113.0/24'
  `.execute(app.db);
  await useFrom(scene, "203.0.113.1");
  expect(await signalsOf(scene, newNetwork)).toEqual([]);
  await useFrom(scene, "198.51.100.7");
  expect(await signalsOf(scene, newNetwork)).toEqual([{ network: "198.51.100.0/24" }]);
});

test("the first use in 30 days is an event, whatever token of the key is used", async () => {
  const scene = await newScene();
  await useFrom(scene, "");
  await age(scene, 29);
  const { apiKey } = await scene.owner.apiKeys.rotateApiKey({
    id: scene.keyId,
    gracePeriod: { seconds: 60n },
  });
  await useFrom({ token: apiKey?.spec?.token ?? "" }, "");
  expect(await signalsOf(scene, pause)).toEqual([]);
  await age(scene, 31);
  await useFrom(scene, "");
  expect(await signalsOf(scene, pause)).toMatchObject([{ previous_use: expect.stringMatching(/^\d{4}-/) }]);
  await useFrom({ token: apiKey?.spec?.token ?? "" }, "");
  expect(await signalsOf(scene, pause)).toHaveLength(1);
});

test("two instances that see the same new network record one event", async () => {
  const scene = await newScene();
  await useFrom(scene, "203.0.113.1");
  const { tokens, usage } = app.clientAs(app.platformToken);
  const { tokenId } = await tokens.verifyToken({ token: scene.token, dryRun: true });
  const item = {
    keyId: scene.keyId,
    tokenId,
    verdict: Verdict.VALID,
    count: 1,
    clientAddress: "198.51.100.7",
  };
  await Promise.all(
    Array.from({ length: 5 }, (_, n) =>
      usage.reportUsage({ batchId: `at once ${n}`.replaceAll(" ", "_"), items: [item] }),
    ),
  );
  expect(await signalsOf(scene, newNetwork)).toHaveLength(1);
});

test("a refused use is no signal, and another account does not see the events", async () => {
  const [scene, other] = [await newScene(), await newScene()];
  await useFrom(scene, "203.0.113.1");
  await scene.owner.apiKeys.disableApiKey({ id: scene.keyId });
  await useFrom(scene, "198.51.100.7");
  expect(await signalsOf(scene, newNetwork)).toEqual([]);
  await scene.owner.apiKeys.enableApiKey({ id: scene.keyId });
  await useFrom(scene, "198.51.100.7");
  expect(await signalsOf(scene, newNetwork)).toHaveLength(1);
  expect((await other.owner.audit.listAuditEvents({ method: newNetwork })).items).toEqual([]);
});

test("a key that is used from everywhere keeps a bounded number of networks and gets no more events", async () => {
  const scene = await newScene();
  await useFrom(scene, "203.0.113.1");
  await sql`
    insert into key_network (account_id, api_key_id, network, seen_on)
    select ${scene.owner.account.metadata?.id}, ${scene.keyId}, '10.0.' || n || '.0/24', (clock_timestamp() at time zone 'utc')::date
    from generate_series(1, 255) n`.execute(app.db);
  await useFrom(scene, "198.51.100.7");
  expect(await signalsOf(scene, newNetwork)).toEqual([]);
  const { rows } = await sql`select from key_network where api_key_id = ${scene.keyId}`.execute(app.db);
  expect(rows).toHaveLength(256);
});
