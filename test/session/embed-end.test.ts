import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { naming, newPlatformServiceKey, useTenant } from "../support/actors/acting.ts";
import { type Embedded, embed, keysPermissions, newEmbedded } from "../support/actors/embed.ts";
import { issueKey, startBeside, type TestApp, useApp } from "../support/app.ts";
import { untilWaiting } from "../support/database/waiting.ts";
import { outcome, refusal } from "../support/errors.ts";

const app = useApp();
const tenant = useTenant(app);
const platform = () => app.clientAs(app.platformToken);
const list = (one: { token: string }, on: TestApp = app) =>
  outcome(on.clientAs(one.token).apiKeys.listApiKeys({}));

let beside: TestApp;
let end: () => Promise<void>;
beforeAll(async () => {
  ({ app: beside, end } = await startBeside(app));
});
afterAll(() => end());

describe("an embed session ends at once on every instance", () => {
  // Both instances have the session in memory before the change.
  async function known() {
    const session = await newEmbedded(app, tenant.owner);
    expect([await list(session), await list(session, beside)]).toEqual(["ok", "ok"]);
    return session;
  }
  async function expectEnded(session: { token: string }, reason = "REVOKED_SESSION") {
    expect([await list(session), await list(session, beside)]).toEqual([reason, reason]);
  }

  test("with its key when that is revoked", async () => {
    const session = await known();
    await platform().apiKeys.revokeApiKey({ id: session.acting.keyId });
    await expectEnded(session);
  });

  test("with its key when that is disabled, and stays ended after the key is enabled", async () => {
    const session = await known();
    const { keyId: id } = session.acting;
    await platform().apiKeys.disableApiKey({ id });
    await expectEnded(session);
    await platform().apiKeys.enableApiKey({ id });
    await expectEnded(session);
    expect(await list(await embed(app, session.acting, { permissions: keysPermissions }))).toBe("ok");
  });

  test("when the permissions of its key are narrowed, and stays ended after they are widened", async () => {
    const session = await known();
    const { keyId: id } = session.acting;
    const update = (...permissions: string[]) =>
      platform().apiKeys.updateApiKey({ id, spec: { permissions } });
    await update("accounts:act", "api_keys:read");
    await expectEnded(session);
    await update("accounts:act", ...keysPermissions);
    await expectEnded(session);
  });

  test("but not when the permissions of its key are widened", async () => {
    const session = await known();
    const permissions = ["accounts:act", ...keysPermissions, "teams:read"];
    await platform().apiKeys.updateApiKey({ id: session.acting.keyId, spec: { permissions } });
    expect(await list(session, beside)).toBe("ok");
  });

  test("with its own token", async () => {
    const session = await known();
    const other = await embed(app, session.acting, { permissions: keysPermissions });
    await app.clientAs("").tokens.revokeToken({ token: session.token });
    await expectEnded(session);
    expect(await list(other)).toBe("ok");
    const { items } = await tenant.owner.audit.listAuditEvents({ resourceId: session.id });
    expect(items[0]).toMatchObject({ after: { ended: true }, via: "platform", keyId: session.acting.keyId });
    await app.clientAs("").tokens.revokeToken({ token: session.token });
    expect((await tenant.owner.audit.listAuditEvents({ resourceId: session.id })).items).toHaveLength(2);
  });

  test("with the token of the key that made it", async () => {
    const session = await known();
    await platform().apiKeys.rotateApiKey({ id: session.acting.keyId });
    await expectEnded(session);
  });

  test("with the clock of the database", async () => {
    const session = await known();
    await sql`update embed_session set expires_at = clock_timestamp() where id = ${session.id}`.execute(
      app.db,
    );
    await expectEnded(session, "EXPIRED_SESSION");
  });
});

test("if the team of a platform key loses a permission, the sessions of the key lose it in the same moment", async () => {
  const key = await newPlatformServiceKey(app, ["accounts:act", "api_keys:manage"]);
  const session = await embed(app, naming(app, key.token, tenant.accountId), {
    permissions: ["api_keys:manage"],
  });
  const { id } = await issueKey(session);
  await key.setRole(["accounts:act", "api_keys:read"]);
  expect((await session.profiles.whoAmI({})).principal?.permissions).toEqual(["api_keys:read"]);
  expect(await refusal(session.apiKeys.revokeApiKey({ id }))).toMatchObject({ reason: "PERMISSION_DENIED" });
  await key.setRole(["api_keys:manage"]);
  expect(await list(session)).toBe("REVOKED_SESSION");
});

test("a session made with a token that a rotation superseded reads until the grace period ends, and mints nothing", async () => {
  const session = await newEmbedded(app, tenant.owner);
  const gracePeriod = { seconds: 60n };
  await platform().apiKeys.rotateApiKey({ id: session.acting.keyId, gracePeriod });
  expect(await list(session)).toBe("ok");
  expect(await outcome(issueKey(session, { spec: { permissions: ["agents:write"] } }))).toBe(
    "PERMISSION_DENIED",
  );
  expect(await outcome(session.acting.sessions.createEmbedSession({}))).toBe("PERMISSION_DENIED");
  await sql`update api_key_token set ends_at = clock_timestamp() where api_key_id = ${session.acting.keyId}`.execute(
    app.db,
  );
  expect(await list(session)).toBe("REVOKED_SESSION");
});

test("the end of a key writes no row of its sessions, so their number does not matter", async () => {
  const session = await newEmbedded(app, tenant.owner);
  const { promise: over, resolve: release } = Promise.withResolvers<void>();
  const { promise: locked, resolve: lock } = Promise.withResolvers<void>();
  const transaction = app.db.transaction().execute(async (tx) => {
    await sql`select from embed_session where id = ${session.id} for update`.execute(tx);
    lock();
    await over;
  });
  await locked;
  try {
    await platform().apiKeys.disableApiKey({ id: session.acting.keyId });
    expect([await list(session), await list(session, beside)]).toEqual([
      "REVOKED_SESSION",
      "REVOKED_SESSION",
    ]);
  } finally {
    release();
    await transaction;
  }
});

test("sessions that ended with a disabled key do not count for the bound of the key", async () => {
  const session = await newEmbedded(app, tenant.owner);
  const { keyId: id } = session.acting;
  await app.db
    .insertInto("embed_session")
    .columns(["id", "account_id", "key_id", "token_id", "hash", "permissions", "workspace_ids", "expires_at"])
    .expression((eb) =>
      eb
        .selectFrom(["embed_session", sql<{ n: number }>`generate_series(1, 999)`.as("n")])
        .select(sql<string>`embed_session.id || n`.as("id"))
        .select(["account_id", "key_id", "token_id", "hash", "permissions", "workspace_ids", "expires_at"])
        .where("embed_session.id", "=", session.id),
    )
    .execute();
  expect(await outcome(embed(app, session.acting))).toBe("BOUND_EXCEEDED");
  await platform().apiKeys.disableApiKey({ id });
  await platform().apiKeys.enableApiKey({ id });
  expect(await outcome(embed(app, session.acting))).toBe("ok");
});

test("an end that an operator writes to the key is effective on every instance", async () => {
  const session = await newEmbedded(app, tenant.owner);
  expect([await list(session), await list(session, beside)]).toEqual(["ok", "ok"]);
  await sql`update api_key set embed_ended_at = clock_timestamp() where id = ${session.acting.keyId}`.execute(
    app.db,
  );
  await expect
    .poll(async () => [await list(session), await list(session, beside)])
    .toEqual(["REVOKED_SESSION", "REVOKED_SESSION"]);
});

describe("a change by a session that has begun delays", () => {
  // Starts a change, and an end of the session while the change is in its transaction. Returns them in the order of their ends.
  async function orderOf(session: Embedded, end: () => Promise<unknown>): Promise<string[]> {
    const held = app.holdResultOf(/latchkey_authority/);
    const order: string[] = [];
    const change = issueKey(session).then(() => order.push("change"));
    await held.answered;
    const ending = end().then(() => order.push("end"));
    await untilWaiting(app.db, 1);
    held.release();
    await Promise.all([change, ending]);
    expect(await outcome(issueKey(session))).toBe("REVOKED_SESSION");
    return order;
  }

  test("the end of that session", async () => {
    const session = await newEmbedded(app, tenant.owner);
    const end = () => app.clientAs("").tokens.revokeToken({ token: session.token });
    expect(await orderOf(session, end)).toEqual(["change", "end"]);
  });

  test("the end of its platform key", async () => {
    const session = await newEmbedded(app, tenant.owner);
    const end = () => platform().apiKeys.revokeApiKey({ id: session.acting.keyId });
    expect(await orderOf(session, end)).toEqual(["change", "end"]);
  });
});
