import { sql } from "kysely";
import { beforeAll, describe, expect, test } from "vitest";
import { accountIdOf, naming, newPlatformServiceKey } from "../support/actors/acting.ts";
import { rotate, verdictOf } from "../support/actors/api-key.ts";
import { issueKey, type Owner, useApp } from "../support/app.ts";
import { refusal } from "../support/errors.ts";

const app = useApp({ LATCHKEY_MAX_GRACE_PERIODS_PER_PLATFORM_KEY: "3" });
const platform = () => app.clientAs(app.platformToken);

const held = ["accounts:act", "api_keys:write", "agents:read", "*:list"];

/** A service key of the platform that gave one grace period in a tenant, to a key whose earlier token is `old`. */
async function scene() {
  const owner = await app.newAccount();
  const { id: keyId, token, setRole } = await newPlatformServiceKey(app, held);
  const acting = naming(app, token, accountIdOf(owner));
  const key = await issueKey(acting, { spec: { permissions: ["agents:read"] } });
  await rotate(acting, key.id, 3600);
  return { owner, keyId, token, setRole, acting, key };
}

type Scene = Awaited<ReturnType<typeof scene>>;

/** Copies the grace period of a scene to so many new keys of its tenant, as if the platform key had rotated each of them. */
async function copyGracePeriod({ owner, keyId, key }: Scene, copies: number): Promise<void> {
  const accountId = accountIdOf(owner);
  await sql`
    with copy as (
      select left(md5(n || ${key.id}), 26) as name from generate_series(1, ${copies}::int) n
    ), made_profile as (
      insert into profile (id, account_id, type, name)
      select 'prof_' || name, ${accountId}, 'api_key', 'copy' from copy
    ), made_key as (
      insert into api_key
        (id, account_id, profile_id, name, kind, environment, workspace_scope, permissions, created_by)
      select 'key_' || copy.name, ${accountId}, 'prof_' || copy.name, 'copy', 'application', k.environment, 'selected',
        k.permissions, k.created_by
      from copy cross join api_key k where k.id = ${key.id}
    ), superseded as (
      insert into api_key_token (account_id, api_key_id, hash, hint, ends_at)
      select ${accountId}, 'key_' || name, sha256(name::bytea), 'copy', now() + interval '1 hour' from copy
      returning id, api_key_id
    )
    insert into grace_period (token_id, account_id, api_key_id, made_by, made_by_key, made_with, ends_at)
    select t.id, g.account_id, t.api_key_id, g.made_by, g.made_by_key, g.made_with, g.ends_at
    from superseded t cross join grace_period g where g.made_by_key = ${keyId} and g.api_key_id = ${key.id}`.execute(
    app.db,
  );
}

/** Returns how many superseded tokens of a tenant are live, and how many grace periods of it are stored. */
async function liveIn(owner: Owner): Promise<{ tokens: number; gracePeriods: number }> {
  const accountId = accountIdOf(owner);
  const { rows } = await sql<{ tokens: number; gracePeriods: number }>`
    select
      (select count(*)::int from api_key_token where account_id = ${accountId} and ends_at > clock_timestamp()) as tokens,
      (select count(*)::int from grace_period where account_id = ${accountId}) as "gracePeriods"`.execute(
    app.db,
  );
  return rows[0] ?? { tokens: -1, gracePeriods: -1 };
}

const ends: [what: string, end: (scene: Scene) => Promise<unknown>][] = [
  ["is revoked", ({ keyId }) => platform().apiKeys.revokeApiKey({ id: keyId })],
  ["is disabled", ({ keyId }) => platform().apiKeys.disableApiKey({ id: keyId })],
  ["loses accounts:act", ({ setRole }) => setRole(["api_keys:write", "agents:read"])],
];

describe.each(ends)("a platform key with more than a thousand grace periods in a tenant %s", (_what, end) => {
  let at: Scene;
  let statements: string[] = [];
  beforeAll(async () => {
    at = await scene();
    await copyGracePeriod(at, 1_200);
    expect(await liveIn(at.owner)).toEqual({ tokens: 1_201, gracePeriods: 1_201 });
    statements = await app.statementsOf(() => end(at));
  });

  test("and all of them end, without a look at the keys that it rotated", async () => {
    expect(await liveIn(at.owner)).toEqual({ tokens: 0, gracePeriods: 0 });
    expect(await verdictOf(app, at.key.token)).toBe("REVOKED");
    // It loads only the platform key.
    expect(statements.filter((text) => text.includes("from bearer"))).toHaveLength(1);
  });

  test("and a thousand of them have an event, and the platform key an event with the number of the others", async () => {
    const events = app.db.selectFrom("audit_event").select(["before", "after"]);
    const inTenant = await events
      .where("account_id", "=", accountIdOf(at.owner))
      .where("key_id", "=", at.keyId)
      .where(sql<boolean>`after = '{"token": null}'`)
      .execute();
    expect(inTenant).toHaveLength(1_000);
    const ofKey = await events
      .where("account_id", "<>", accountIdOf(at.owner))
      .where("resource_id", "=", at.keyId)
      .where(sql<boolean>`after ? 'unnamed_grace_periods'`)
      .execute();
    expect(ofKey).toEqual([{ before: { unnamed_grace_periods: 201 }, after: { unnamed_grace_periods: 0 } }]);
  });
});

test("a platform key that loses something else keeps more than a thousand grace periods in a tenant", async () => {
  const at = await scene();
  await copyGracePeriod(at, 1_200);
  await at.setRole(held.filter((one) => one !== "*:list"));
  expect(await liveIn(at.owner)).toEqual({ tokens: 1_201, gracePeriods: 1_201 });
  await at.setRole(["accounts:act", "api_keys:write"]);
  expect(await liveIn(at.owner)).toEqual({ tokens: 0, gracePeriods: 0 });
});

test("a grace period in the platform account continues after its maker loses accounts:act", async () => {
  const { key, token, setRole } = await scene();
  const own = await issueKey(platform(), { spec: { permissions: ["agents:read"] } });
  await rotate(app.clientAs(token), own.id, 3600);
  await setRole(["api_keys:write", "agents:read"]);
  expect([await verdictOf(app, key.token), await verdictOf(app, own.token)]).toEqual(["REVOKED", "VALID"]);
});

describe("the grace periods that a platform key gives in all tenants", () => {
  const bound = { bound: "grace_periods_per_platform_key", limit: "3" };

  test("have a named bound, and a rotation without a grace period always passes", async () => {
    const { acting, token, key } = await scene();
    const other = naming(app, token, accountIdOf(await app.newAccount()));
    const { id } = await issueKey(other, { spec: { permissions: ["agents:read"] } });
    for (const _ of [2, 3]) await rotate(other, id, 3600);
    for (const call of [() => rotate(other, id, 3600), () => rotate(acting, key.id, 3600)]) {
      expect(await refusal(call())).toMatchObject({ reason: "BOUND_EXCEEDED", metadata: bound });
    }
    await rotate(acting, key.id);
    await rotate(other, id, 3600);
  });

  test("count neither for the owners of the tenants nor for other platform keys", async () => {
    const at = await scene();
    for (const _ of [2, 3]) await rotate(at.acting, at.key.id, 3600);
    await rotate(at.owner, at.key.id, 3600);
    const { token } = await newPlatformServiceKey(app, held);
    await rotate(naming(app, token, accountIdOf(at.owner)), at.key.id, 3600);
    // The platform key still gives grace periods in its own account, where the bound of an account holds.
    const own = await issueKey(platform(), { spec: { permissions: ["agents:read"] } });
    await rotate(app.clientAs(at.token), own.id, 3600);
  });
});
