import { sql } from "kysely";
import { expect, test } from "vitest";
import { atOnce } from "../../src/domain/kernel/slices.ts";
import { type CredentialRow, toCredentials } from "../../src/verify/evaluate/credential.ts";
import { createClaimQueue, evaluateExternal } from "../../src/verify/evaluate/evaluate-external.ts";
import type { ExternalToken } from "../../src/verify/oidc/oidc.ts";
import { newSubject, useExternal } from "../support/oidc/external.ts";

const external = useExternal({ role_claim: "role", max_role: "admin" });
const accountId = "acct_0";
const nothing = { accountId, workspaceId: "", permissions: [], entitlements: [], environment: undefined };
const roleId = (n: number) => `role_${n}`;
const roles = Array.from({ length: 50 }, (_, n) => ({
  id: roleId(n),
  name_key: `role ${n}`,
  builtin: null,
  permissions: Array.from({ length: 256 }, (_, p) => `thing_${n}_${p}:start`),
  all_workspaces: false,
}));
const admin = {
  id: "admin",
  name_key: "admin",
  builtin: "admin" as const,
  permissions: ["*"],
  all_workspaces: true,
};

/** Makes a guest of an account with fifty large roles, who may claim all of them. */
function guest() {
  const row = {
    id: "oidc_0",
    kind: "external",
    system: false,
    environment: null,
    expires_at: null,
    disabled_at: null,
    revoked_at: null,
    user_id: "user_0",
    last_used_at: null,
    tokens: [],
    accounts: null,
    openings: [
      {
        account_id: accountId,
        external_id: "",
        platform: false,
        suspended: false,
        entitlements: [],
        profile: { id: "prof_0", type: "user", name: "Somebody", email: "" },
        owner: false,
        permissions: [],
        owner_permissions: null,
        workspace_scope: "selected",
        workspaces: {},
        standing: "guest",
        roles: [...roles, admin],
      },
    ],
  } as unknown as CredentialRow;
  const [credential] = atOnce(toCredentials([row]));
  return { credential, workspace: undefined, now: new Date(0) };
}

function tokenClaiming(claimed: readonly string[]): ExternalToken {
  return {
    identity: { id: "oidc_0", issuer: "https://issuer.example.com", subject: "somebody", name: "Somebody" },
    scope: { accounts: "*", platform: false },
    accountId: "",
    claimed: { roles: claimed, maxRole: "admin" },
    endsAt: new Date(1_000),
  };
}

const everyRole = roles.map(({ id }) => id);
const unbounded = { permissionsPerPrincipal: 1_000_000, queue: createClaimQueue() };

test("the rights of fifty large roles are computed in turns with the event loop, once for all concurrent claims", async () => {
  const loaded = guest();
  const token = tokenClaiming(everyRole);
  const queue = createClaimQueue();
  const waited: string[] = [];
  const run: typeof queue.run = (caller, work) => {
    waited.push(caller);
    return queue.run(caller, work);
  };
  const deps = { ...unbounded, queue: { ...queue, run } };
  const evaluate = () => evaluateExternal(loaded, token, nothing, undefined, deps);
  let turns = 0;
  let working = true;
  const count = () => {
    turns += 1;
    if (working) setImmediate(count);
  };
  setImmediate(count);
  const [first, ...others] = await Promise.all(Array.from({ length: 20 }, evaluate));
  working = false;
  expect(first?.principal?.permissions).toHaveLength(50 * 256);
  // The list is the same object, so it was not computed again.
  for (const one of others) expect(one.principal?.permissions).toBe(first?.principal?.permissions);
  expect(turns).toBeGreaterThan(3);
  expect(waited).toEqual([accountId]);
});

test("a token with known claims is evaluated in under a millisecond", async () => {
  const loaded = guest();
  const evaluate = () => evaluateExternal(loaded, tokenClaiming(everyRole), nothing, undefined, unbounded);
  await evaluate();
  const times: number[] = [];
  for (let n = 0; n < 200; n++) {
    const start = performance.now();
    await evaluate();
    times.push(performance.now() - start);
  }
  expect(times.sort((a, b) => a - b)[100]).toBeLessThan(1);
});

test("an identity keeps a bounded number of claim sets, and the oldest is evicted", async () => {
  const loaded = guest();
  const permissionsOf = async (n: number) => {
    const token = tokenClaiming([roleId(n)]);
    return (await evaluateExternal(loaded, token, nothing, undefined, unbounded)).principal?.permissions;
  };
  const first = await permissionsOf(0);
  const second = await permissionsOf(1);
  for (const n of [2, 3, 4]) await permissionsOf(n);
  expect(await permissionsOf(1)).toBe(second);
  expect(await permissionsOf(0)).not.toBe(first);
  expect(await permissionsOf(0)).toEqual(first);
});

test("claimed roles give together at most the permissions that a person may have, in the order of the claim", async () => {
  const owner = await external.app.newAccount();
  const id = owner.account.metadata?.id ?? "";
  await sql`
    insert into role (id, account_id, name, name_key, permissions, created_by)
    select 'role_' || translate(gen_random_uuid()::text, '-', ''), ${id}, name, name, array(
      select 'thing_' || name || '_' || p || ':start' from generate_series(1, 900) p
    ), ${owner.profile.metadata?.id}
    from unnest(array['a', 'b', 'c']) as name`.execute(external.app.db);
  for (const [role, expected] of [
    [
      ["a", "b", "c"],
      ["a", "b"],
    ],
    [
      ["c", "a", "b"],
      ["c", "a"],
    ],
    [["b"], ["b"]],
  ]) {
    const person = await external.as({ sub: newSubject(), role }, { "latchkey-account": id });
    const { principal } = await person.profiles.whoAmI({});
    const lent = new Set(principal?.permissions.map((permission) => permission.split("_")[1]));
    expect([...lent].sort()).toEqual(expected?.sort());
    expect(principal?.permissions).toHaveLength(900 * (expected?.length ?? 0));
  }
});
