import { describe, expect, test } from "vitest";
import { newName, newRole } from "../support/actors/actors.ts";
import { issueKey, type Owner, startOnPools, useApp } from "../support/app.ts";
import { refusal } from "../support/errors.ts";

const sets = [
  {
    name: "operator",
    description: "Runs everything.",
    permissions: ["*:run", "agents:write", "agents:read"],
  },
  { name: "on-call", permissions: ["operators:manage"] },
];
const env = {
  LATCHKEY_PERMISSIONS: "agents, flows, flows:run, operators",
  LATCHKEY_PERMISSION_SETS: JSON.stringify(sets),
};
const app = useApp(env);
const expanded = ["*:run", "agents:write"];

/** Every request that stores a list of permissions. Returns the stored list. */
const places: Record<string, (owner: Owner, permissions: string[]) => Promise<string[] | undefined>> = {
  "a new key": async (owner, permissions) =>
    (await issueKey(owner, { spec: { permissions } })).spec?.permissions,
  async "a key"(owner, permissions) {
    const { id } = await issueKey(owner);
    const { apiKey } = await owner.apiKeys.updateApiKey({ id, spec: { permissions } });
    return apiKey?.spec?.permissions;
  },
  async "a new role"(owner, permissions) {
    const { role } = await owner.roles.createRole({ metadata: { name: newName() }, spec: { permissions } });
    return role?.spec?.permissions;
  },
  async "a role"(owner, permissions) {
    const id = await newRole(owner);
    const { role } = await owner.roles.updateRole({ id, spec: { permissions } });
    return role?.spec?.permissions;
  },
};

describe.each(Object.entries(places))("the list of %s", (_, store) => {
  test("has the permissions of a preset in place of its name", async () => {
    const owner = await app.newAccount();
    expect(await store(owner, ["operator"])).toEqual(expanded);
    expect(await store(owner, ["flows:read", "operator", "on-call", "read"])).toEqual([
      "*:read",
      "*:run",
      "agents:write",
      "operators:manage",
    ]);
  });

  test("cannot have a name that no preset has, and the error names its place", async () => {
    const { violations } = await refusal(store(await app.newAccount(), ["operator", "operators"]));
    expect(violations.map(({ field }) => field)).toEqual(["spec.permissions[1]"]);
  });
});

test("a key keeps its permissions when the setting changes or loses the preset", async () => {
  const owner = await app.newAccount();
  const { id, token } = await issueKey(owner, { spec: { permissions: ["operator"] } });
  const changed = [{ name: "operator", permissions: ["flows:manage"] }];
  for (const value of [JSON.stringify(changed), ""]) {
    const beside = await startOnPools(app, { ...env, LATCHKEY_PERMISSION_SETS: value });
    try {
      const { principal } = await beside.app.clientAs(token).profiles.whoAmI({});
      expect(principal?.permissions).toEqual(expanded);
      const clients = beside.app.clientAs(owner.token);
      const { apiKey } = await clients.apiKeys.updateApiKey({ id, metadata: { name: newName() } });
      expect(apiKey?.spec?.permissions).toEqual(expanded);
    } finally {
      await beside.end();
    }
  }
});

test("a list that repeats a large preset is its permissions once, and a list of several large ones is refused", async () => {
  const large = ["one", "two"].map((name) => ({
    name,
    permissions: Array.from({ length: 1_000 }, (_, n) => `${name}_${n}:write`),
  }));
  const beside = await startOnPools(app, { LATCHKEY_PERMISSION_SETS: JSON.stringify(large) });
  try {
    const owner = await beside.app.newAccount();
    for (const store of Object.values(places)) {
      const repeated = await refusal(store(owner, Array<string>(1_024).fill("one")));
      expect(repeated).toMatchObject({ reason: "BOUND_EXCEEDED", metadata: { limit: "256" } });
      const { code, violations } = await refusal(store(owner, ["one", "two"]));
      expect(code).toBe("InvalidArgument");
      expect(violations).toMatchObject([{ field: "spec.permissions" }]);
    }
  } finally {
    await beside.end();
  }
});

test("a preset gives a caller nothing that it may not give: the comparison is of its permissions", async () => {
  const owner = await app.newAccount();
  const { token } = await issueKey(owner, { spec: { permissions: ["api_keys:write", "agents:write"] } });
  const denied = await refusal(issueKey(app.clientAs(token), { spec: { permissions: ["operator"] } }));
  expect(denied.metadata).toEqual({ permission: "*:run" });
});

test("VerifyToken takes permissions only, because the meaning of a preset may change", async () => {
  const owner = await app.newAccount();
  const request = { token: owner.token, requiredPermissions: ["operator"] };
  expect((await refusal(owner.tokens.verifyToken(request))).code).toBe("InvalidArgument");
});

describe("ListPermissions", () => {
  test("returns the known resources with their verbs, the wildcards and the presets to every principal", async () => {
    const owner = await app.newAccount();
    const { token } = await issueKey(owner);
    const response = await app.clientAs(token).roles.listPermissions({});
    expect(response.onlyKnown).toBe(true);
    const resources = response.resources.map(({ name, verbs, latchkey }) => ({ name, verbs, latchkey }));
    expect(resources).toContainEqual({ name: "agents", verbs: ["manage", "read", "write"], latchkey: false });
    expect(resources).toContainEqual({
      name: "flows",
      verbs: ["manage", "read", "run", "write"],
      latchkey: false,
    });
    expect(resources.find(({ name }) => name === "tokens")).toEqual({
      name: "tokens",
      verbs: ["manage", "read", "verify", "write"],
      latchkey: true,
    });
    expect(resources.map(({ name }) => name)).toEqual(resources.map(({ name }) => name).sort());
    const presets = response.presets.map(({ name, description, permissions, builtIn }) => [
      name,
      description,
      permissions,
      builtIn,
    ]);
    expect(presets.slice(-2)).toEqual([
      ["operator", "Runs everything.", expanded, false],
      ["on-call", "", ["operators:manage"], false],
    ]);
    expect(presets.slice(0, -2).map(([name, , permissions]) => [name, permissions])).toEqual([
      ["read", ["*:read"]],
      ["write", ["*:write"]],
      ["admin", ["*"]],
      ["webhook", ["webhooks:manage"]],
    ]);
  });

  test("returns only what a list of permissions may contain", async () => {
    const owner = await app.newAccount();
    const { resources, wildcards, presets } = await owner.roles.listPermissions({});
    const all = [
      ...resources.flatMap(({ name, verbs }) => verbs.map((verb) => `${name}:${verb}`)),
      ...wildcards.map(({ permission }) => permission),
      ...presets.map(({ name }) => name),
    ];
    expect(wildcards.map(({ permission }) => permission)).toEqual(
      expect.arrayContaining(["*", "*:*", "*:read", "*:run"]),
    );
    for (const permission of all) {
      await expect(
        issueKey(owner, { spec: { permissions: [permission] } }),
        permission,
      ).resolves.toBeDefined();
    }
  });

  test("says that other resources are accepted if the deployment lists none", async () => {
    const beside = await startOnPools(app, {});
    try {
      const owner = await beside.app.newAccount();
      const { onlyKnown, resources } = await owner.roles.listPermissions({});
      expect(onlyKnown).toBe(false);
      expect(resources.filter(({ latchkey }) => !latchkey).map(({ name }) => name)).toEqual(["webhooks"]);
    } finally {
      await beside.end();
    }
  });
});
