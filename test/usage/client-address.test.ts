import { create, toBinary } from "@bufbuild/protobuf";
import { sql } from "kysely";
import { expect, test } from "vitest";
import { TokenService, VerifyTokenRequestSchema } from "../../gen/latchkey/v1/token_service_pb.ts";
import { deleteOldUsage } from "../../src/domain/usage/retention.ts";
import { issueKey, startOnPools, type TestApp, useApp } from "../support/app.ts";
import { openFastPathServer } from "../support/fast-path/server.ts";
import { pathOf } from "../support/net/http.ts";

const app = useApp();
const day = 86_400_000;

/** Returns the last client address of each token of a key, and how often the key was accepted. */
async function usesOf(owner: Awaited<ReturnType<TestApp["newAccount"]>>, id: string) {
  const { apiKey } = await owner.apiKeys.getApiKey({ id });
  const { total } = await owner.usage.getUsage({ keyId: id });
  return {
    addresses: apiKey?.info?.tokens.map(({ lastClientAddress }) => lastClientAddress),
    total: Number(total),
  };
}

test.each(["json", "proto"])(
  "the address of each request is recorded, also if its response is kept: %s",
  async (form) => {
    const server = await openFastPathServer(app.pools.lookups, true);
    const owner = await app.newAccount();
    const key = await issueKey(owner);
    const bodyOf = (request: { token: string; clientAddress?: string }) =>
      form === "json"
        ? JSON.stringify(request)
        : Buffer.from(toBinary(VerifyTokenRequestSchema, create(VerifyTokenRequestSchema, request)));
    const verify = async (clientAddress?: string) => {
      const response = await fetch(server.url + pathOf(TokenService.method.verifyToken), {
        method: "POST",
        headers: { authorization: `Bearer ${app.platformToken}`, "content-type": `application/${form}` },
        body: bodyOf({ token: key.token, ...(clientAddress && { clientAddress }) }),
      });
      expect(response.status).toBe(200);
      await response.arrayBuffer();
      await server.flush();
      return usesOf(owner, key.id);
    };
    expect(await verify()).toEqual({ addresses: [""], total: 1 });
    expect(await verify("203.0.113.1")).toEqual({ addresses: ["203.0.113.1"], total: 2 });
    expect(await verify("2001:db8::1")).toEqual({ addresses: ["2001:db8::1"], total: 3 });
    expect(await verify()).toEqual({ addresses: ["2001:db8::1"], total: 4 });
    // One look-up of the verified key: every other response was kept.
    const { body } = await server.metrics.render();
    expect(body).toMatch(/^latchkey_verdicts_total\{verdict="VALID"\} 4$/m);
  },
);

test("the address of the peer is never recorded, and no address if recording is off", async () => {
  const owner = await app.newAccount();
  const key = await issueKey(owner, { spec: { permissions: ["*"] } });
  await app.clientAs(key.token).apiKeys.listApiKeys({});
  await app.app.flush();
  expect((await usesOf(owner, key.id)).addresses).toEqual([""]);
  const { app: off, end } = await startOnPools(app, { LATCHKEY_CLIENT_ADDRESS_RETENTION: "off" });
  try {
    const clientAddress = "203.0.113.1";
    const { tokens, usage } = off.clientAs(app.platformToken);
    const { tokenId } = await tokens.verifyToken({ token: key.token, clientAddress });
    await tokens.verifyToken({ token: "garbage", clientAddress });
    const item = { keyId: key.id, tokenId, verdict: 1, count: 1, clientAddress };
    await usage.reportUsage({ batchId: "off", items: [item] } as Parameters<typeof usage.reportUsage>[0]);
    await off.app.flush();
    expect(await usesOf(owner, key.id)).toEqual({ addresses: [""], total: 2 });
    const { rows } = await sql<{ stored: string }>`
      select network as stored from unknown_token_usage where network <> ''
      union all select network from key_network where api_key_id = ${key.id}`.execute(app.db);
    expect(rows).toEqual([]);
  } finally {
    await end();
  }
});

test("addresses and networks are deleted when their retention ends, and the rest of the usage stays", async () => {
  const owner = await app.newAccount();
  const { tokens } = app.clientAs(
    (await issueKey(owner, { spec: { permissions: ["tokens:verify"] } })).token,
  );
  const keys = [await issueKey(owner), await issueKey(owner)];
  const clientAddress = "203.0.113.1";
  for (const { token } of [...keys, { token: "garbage" }]) await tokens.verifyToken({ token, clientAddress });
  await app.app.flush();
  const [old, young] = keys;
  await sql`
    update api_key_token_use set client_address_day = client_address_day - 8
    where token_id in (select id from api_key_token where api_key_id = ${old?.id})`.execute(app.db);
  await sql`update key_network set seen_on = seen_on - 8 where api_key_id = ${old?.id}`.execute(app.db);
  await sql`update unknown_token_usage set hour = hour - interval '8 days'`.execute(app.db);
  await sql`update usage_batch set recorded_at = recorded_at - interval '2 hours'`.execute(app.db);
  const retention = { usageRetentionMs: 400 * day, clientAddressRetentionMs: 7 * day };
  expect(await deleteOldUsage(app.db, { ...retention, clientAddressRetentionMs: 30 * day })).toBeGreaterThan(
    0,
  );
  expect((await usesOf(owner, old?.id ?? "")).addresses).toEqual([clientAddress]);
  expect(await deleteOldUsage(app.db, retention)).toBeGreaterThanOrEqual(3);
  expect(await usesOf(owner, old?.id ?? "")).toEqual({ addresses: [""], total: 1 });
  expect(await usesOf(owner, young?.id ?? "")).toEqual({ addresses: [clientAddress], total: 1 });
  expect(await deleteOldUsage(app.db, retention)).toBe(0);
  await deleteOldUsage(app.db, { ...retention, clientAddressRetentionMs: undefined });
  expect(await usesOf(owner, young?.id ?? "")).toEqual({ addresses: [""], total: 1 });
  const left = await sql`select from key_network`.execute(app.db);
  expect(left.rows).toEqual([]);
});
