import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { holds, implies, narrow, ownResources } from "../../src/domain/access/permission.ts";
import { createPermissionParser, createVocabulary } from "../../src/domain/access/permission-vocabulary.ts";
import { newName, newRole } from "../support/actors/actors.ts";
import { type Clients, issueKey, type Owner } from "../support/app.ts";
import { refusal } from "../support/errors.ts";
import { runs, sampled } from "../support/random.ts";
import { useSharedApp } from "../support/shared-app.ts";

const parsePermissions = createPermissionParser(undefined);
const app = useSharedApp({ LATCHKEY_PERMISSIONS: "agents, runs, runs:start, runs:stop, invoices" });

const unknown: [permission: string, nearest: string][] = [
  ["agent:read", "agents:read"],
  ["agents:raed", "agents:read"],
  ["agents:start", "agents:"],
  ["run:start", "runs:start"],
  ["runs:strat", "runs:start"],
  ["runs:stp", "runs:stop"],
  ["invoice:manage", "invoices:manage"],
  ["invoicse:*", "invoices:*"],
  ["api_key:write", "api_keys:write"],
  ["api_keys:wrote", "api_keys:write"],
  ["service_account:read", "service_accounts:read"],
  ["tokens:verfiy", "tokens:verify"],
  ["*:strat", "*:start"],
  ["*:verify", "*:"],
  ["webhook:manage", "webhooks:manage"],
];
const known = [
  "agents:write",
  "runs:start",
  "runs:*",
  "invoices:manage",
  "*:read",
  "*:start",
  "*:*",
  "*",
  "read",
  "webhook",
  "tokens:verify",
  "teams:manage",
];

const accepted = [...known, ...ownResources.map((resource) => `${resource}:read`)];

/** Every request in which a client names permissions. */
const places: Record<string, (owner: Clients, permissions: string[]) => Promise<unknown>> = {
  "spec.permissions of a new key": (owner, permissions) => issueKey(owner, { spec: { permissions } }),
  "spec.permissions of a key": async (owner, permissions) =>
    owner.apiKeys.updateApiKey({ id: (await issueKey(owner)).id, spec: { permissions } }),
  "spec.permissions of a new role": (owner, permissions) => newRole(owner, newName(), ...permissions),
  "spec.permissions of a role": async (owner, permissions) =>
    owner.roles.updateRole({ id: await newRole(owner), spec: { permissions } }),
  "required_permissions of VerifyToken": (owner, requiredPermissions) =>
    owner.tokens.verifyToken({ token: owner.token, requiredPermissions }),
  "requests[0].required_permissions of BatchVerifyTokens": (owner, requiredPermissions) =>
    owner.tokens.batchVerifyTokens({ requests: [{ token: owner.token, requiredPermissions }] }),
};

let owner: Owner;
beforeAll(async () => {
  owner = await app.newAccount();
});

describe.each(Object.entries(places))("%s", (place, send) => {
  const [field = ""] = place.split(" ");

  test("refuses an unknown permission and names the most similar known one", async () => {
    for (const [permission, nearest] of unknown) {
      const { code, message, violations } = await refusal(send(owner, ["agents:read", permission]));
      expect(code, permission).toBe("InvalidArgument");
      expect(violations).toEqual([
        { field: `${field}[1]`, description: expect.stringContaining(`did you mean ${nearest}`) },
      ]);
      expect(message).toContain(nearest);
    }
  });

  test("names each wrong entry once", async () => {
    const { violations } = await refusal(send(owner, ["agent:read", "runs:start", "no permission", "run:*"]));
    expect(violations.map((violation) => violation.field)).toEqual(
      expect.arrayContaining([`${field}[0]`, `${field}[2]`, `${field}[3]`]),
    );
    expect(violations).toHaveLength(3);
  });

  test("accepts known permissions, wildcards, short names and Latchkey's own", async () => {
    for (const permission of sampled(accepted, 8, place.length)) await send(owner, [permission]);
  });
});

test("names the first of thousands of wrong entries, and a hint for the first of these", async () => {
  const owner = await app.newAccount();
  const requiredPermissions = Array.from({ length: 64 }, (_, n) => `thing_${n}:read`);
  const requests = Array.from({ length: 100 }, () => ({ token: owner.token, requiredPermissions }));
  const { violations } = await refusal(owner.tokens.batchVerifyTokens({ requests }));
  expect(violations.map(({ field }) => field)).toEqual(
    Array.from({ length: 32 }, (_, n) => `requests[0].required_permissions[${n}]`),
  );
  expect(violations.filter(({ description }) => description.includes("did you mean"))).toHaveLength(8);
});

test("a refused permission changes nothing", async () => {
  const owner = await app.newAccount();
  const { id } = await issueKey(owner, { spec: { permissions: ["agents:read"] } });
  await refusal(owner.apiKeys.updateApiKey({ id, spec: { permissions: ["agent:read"] } }));
  expect((await owner.apiKeys.getApiKey({ id })).apiKey?.spec?.permissions).toEqual(["agents:read"]);
});

test.each([
  ["agents:"],
  [":read"],
  ["*"],
  ["*:read"],
  ["read"],
  ["Agents"],
  ["a b"],
  [""],
  ["agents:read:x"],
  ["agents:*"],
])("%j is not a valid entry of LATCHKEY_PERMISSIONS", (entry) =>
  expect(createVocabulary(["agents", entry])).toBeUndefined(),
);

describe("narrowing", () => {
  const resources = ["agents", "runs", "api_keys", "tokens"];
  const verbs = ["read", "write", "manage", "start", "verify"];
  const concrete = resources.flatMap((resource) => verbs.map((verb) => `${resource}:${verb}`));
  const wide = [
    ...["*", "*:*", "*:read", "*:write", "*:manage", "*:start", "*:verify"],
    ...["platform.*:read", "platform.*:write", "platform.*:manage"],
    ...resources.map((resource) => `${resource}:*`),
  ];
  const sets = fc
    .array(fc.constantFrom(...concrete, ...wide), { maxLength: 6 })
    .map((texts) => parsePermissions(texts, "").permissions);
  // The universe also has permissions that no list names.
  const universe = [
    ...concrete,
    "others:read",
    "others:write",
    "others:manage",
    "others:start",
    "teams:read",
  ];
  const implied = (held: readonly string[], among: readonly string[] = universe) =>
    among.filter((one) => held.some((permission) => implies(permission, one)));

  test("allows exactly what both sets allow", () => {
    fc.assert(
      fc.property(sets, sets, (a, b) => {
        expect(implied(narrow(a, b))).toEqual(implied(a).filter((one) => implied(b).includes(one)));
      }),
      { numRuns: runs(300) },
    );
  });

  test("never adds a permission: both sets hold everything that it leaves", () => {
    fc.assert(
      fc.property(sets, sets, (a, b) => {
        const left = narrow(a, b);
        for (const one of left) expect([one, holds(a, one), holds(b, one)]).toEqual([one, true, true]);
      }),
      { numRuns: runs(300) },
    );
  });

  test("is commutative and idempotent", () => {
    fc.assert(
      fc.property(sets, sets, (a, b) => {
        const left = narrow(a, b);
        expect(implied(narrow(b, a))).toEqual(implied(left));
        expect(narrow(left, b)).toEqual(left);
        expect(narrow(a, a)).toEqual(a);
        expect(parsePermissions(left, "").permissions).toEqual(left);
      }),
      { numRuns: runs(300) },
    );
  });

  test("by two sets in turn allows no more than by both at once, in any order", () => {
    fc.assert(
      fc.property(sets, sets, sets, (a, b, c) => {
        expect(implied(narrow(narrow(a, b), c))).toEqual(implied(narrow(a, narrow(b, c))));
      }),
    );
  });

  test("by * keeps everything, and by an empty set keeps nothing", () => {
    fc.assert(
      fc.property(sets, (a) => {
        expect(narrow(a, ["*"])).toEqual(a);
        expect(narrow(a, [])).toEqual([]);
        expect(narrow([], a)).toEqual([]);
      }),
    );
  });
});
