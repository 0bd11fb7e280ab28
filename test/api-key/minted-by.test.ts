import { sql } from "kysely";
import { expect, test } from "vitest";
import { ApiKeyKind } from "../../gen/latchkey/v1/api_key_pb.ts";
import * as mintedBy from "../../src/db/migrations/0011_minted_by.ts";
import { purgeAccount } from "../../src/domain/account/delete.ts";
import { newName, newServiceAccount, newTeam } from "../support/actors/actors.ts";
import { rotate, systemKeyOf } from "../support/actors/api-key.ts";
import { issueKey, type Owner, useApp } from "../support/app.ts";
import { untilWaiting } from "../support/database/waiting.ts";
import { refusal } from "../support/errors.ts";

const app = useApp();
const minter = (owner: Owner) => issueKey(owner, { spec: { permissions: ["api_keys:write"] } });
const mintedByOf = async (owner: Owner, id: string) =>
  (await owner.apiKeys.getApiKey({ id })).apiKey?.info?.mintedByKeyId;

/** Waits until this number of statements wait for a lock. */
const blocked = (count: number) => untilWaiting(app.db, count);

test("a key of any kind names the key that minted it, and a key that a person minted names none", async () => {
  const owner = await app.newAccount();
  const application = await minter(owner);
  const serviceAccountId = (
    await newServiceAccount(owner, newName(), await newTeam(owner, newName(), "admin"))
  ).id;
  const service = await issueKey(owner, { spec: { kind: ApiKeyKind.SERVICE, serviceAccountId } });
  const personal = await issueKey(owner, { spec: { kind: ApiKeyKind.DEVELOPER } });
  const systemId = await systemKeyOf(app, owner.account.metadata?.id ?? "");
  const system = { id: systemId, token: await rotate(owner, systemId) };
  for (const { id, token } of [application, service, personal, system]) {
    const made = await issueKey(app.clientAs(token));
    expect(made.info?.mintedByKeyId).toBe(id);
    expect(await mintedByOf(owner, id)).toBe("");
    const { items } = await owner.apiKeys.listApiKeys({ prefix: made.id, includeInfo: true });
    expect(items).toMatchObject([{ info: { mintedByKeyId: id } }]);
  }
});

test("a key that rotates or changes another key does not become its minter", async () => {
  const owner = await app.newAccount();
  const other = app.clientAs((await minter(owner)).token);
  const { id } = await issueKey(owner);
  await rotate(other, id);
  await other.apiKeys.updateApiKey({ id, metadata: { name: "renamed" } });
  expect(await mintedByOf(owner, id)).toBe("");
});

test("a key that is revoked during a mint call mints nothing", async () => {
  const owner = await app.newAccount();
  const { id, token } = await minter(owner);
  const { minting } = await app.db.transaction().execute(async (tx) => {
    await sql`update api_key set revoked_at = clock_timestamp() where id = ${id}`.execute(tx);
    const started = refusal(issueKey(app.clientAs(token)));
    await blocked(1);
    return { minting: started };
  });
  expect(await minting).toMatchObject({
    code: "Unauthenticated",
    reason: "REVOKED_API_KEY",
    metadata: { key_id: id, revoked_at: expect.stringContaining("T") },
  });
  const all = await owner.apiKeys.listApiKeys({ showRevoked: true });
  expect(all.items.map((key) => key.metadata?.name)).toEqual(["a key", "system key"]);
});

test("the caller that revokes a key also finds the key that it was just minting", async () => {
  const owner = await app.newAccount();
  const { id, token } = await minter(owner);
  const { minting, revoking } = await app.db.transaction().execute(async (tx) => {
    await sql`lock table audit_event in share row exclusive mode`.execute(tx);
    const started = issueKey(app.clientAs(token));
    await blocked(1);
    const ending = owner.apiKeys.revokeApiKey({ id });
    await blocked(2);
    return { minting: { started }, revoking: { ending } };
  });
  await revoking.ending;
  const found = await app.db
    .selectFrom("api_key")
    .select("id")
    .where("minted_by_key_id", "=", id)
    .executeTakeFirst();
  expect(found?.id).toBe((await minting.started).id);
});

test("the purge of an account deletes all its keys, regardless of which key minted which", async () => {
  const owner = await app.newAccount();
  const accountId = owner.account.metadata?.id ?? "";
  await issueKey(app.clientAs((await minter(owner)).token));
  await app.db.transaction().execute((tx) => purgeAccount(tx, accountId));
  const left = app.db.selectFrom("api_key").select("id").where("account_id", "=", accountId);
  expect(await left.execute()).toEqual([]);
});

test("for keys older than the stored minter, the audit log names the minter", async () => {
  const owner = await app.newAccount();
  const first = await minter(owner);
  const second = await issueKey(app.clientAs(first.token), { spec: { permissions: ["api_keys:write"] } });
  await rotate(app.clientAs(first.token), second.id);
  const stored = () =>
    app.db.selectFrom("api_key").select(["id", "minted_by_key_id"]).orderBy("id").execute();
  const before = await stored();
  expect(before).toContainEqual({ id: second.id, minted_by_key_id: first.id });
  await sql`alter table api_key drop column minted_by_key_id`.execute(app.db);
  await app.db.transaction().execute((tx) => mintedBy.up(tx as never));
  expect(await stored()).toEqual(before);
});
