import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { holds, implies, ownResources, parsePermission } from "../../src/domain/access/permission.ts";
import { createPermissionParser } from "../../src/domain/access/permission-vocabulary.ts";

const parsePermissions = createPermissionParser(undefined);
const resources = ["agents", "runs", "webhooks", "api_keys", "audit", "tokens", "workspaces"];
const verbs = ["read", "write", "manage", "start", "verify"];
const concrete = resources.flatMap((resource) => verbs.map((verb) => `${resource}:${verb}`));
const wildcards = [
  ...["*", "*:*", "*:read", "*:write", "*:manage", "*:start", "*:verify"],
  ...["platform.*:read", "platform.*:write", "platform.*:manage"],
  ...resources.map((resource) => `${resource}:*`),
];
const all = [...concrete, ...wildcards];
const permission = fc.constantFrom(...all);
const permissions = fc.array(fc.constantFrom(...all, "read", "write", "admin", "webhook"), { maxLength: 8 });

const reach = (held: readonly string[]) => concrete.filter((wanted) => holds(held, wanted));
const stored = (texts: readonly string[]) => parsePermissions(texts, "spec.permissions").permissions;

// biome-ignore lint/complexity/noExcessiveLinesPerFunction: groups the tests of one promise.
describe("implication", () => {
  test.each([
    ["agents:write", "agents:read"],
    ["agents:manage", "agents:write"],
    ["agents:*", "agents:start"],
    ["agents:*", "agents:manage"],
    ["*:read", "agents:read"],
    ["*:write", "agents:read"],
    ["*:manage", "*:read"],
    ["*:read", "api_keys:read"],
    ["*", "api_keys:manage"],
    ["*", "tokens:verify"],
    ["*", "*:manage"],
    ["api_keys:*", "api_keys:manage"],
    ["*:start", "agents:start"],
    ["*:*", "agents:start"],
    ["*:*", "agents:manage"],
    ["*:*", "agents:*"],
    ["*:*", "*:start"],
    ["*:*", "platform.*:manage"],
    ["*:write", "platform.*:read"],
    ["platform.*:write", "agents:read"],
    ["*", "*:*"],
  ])("%s is enough for %s", (held, wanted) => expect(implies(held, wanted)).toBe(true));

  test.each([
    ["agents:read", "agents:write"],
    ["agents:write", "agents:manage"],
    ["agents:manage", "agents:start"],
    ["agents:start", "agents:read"],
    ["agents:manage", "agents:*"],
    ["agents:*", "agent:read"],
    ["agents:read", "runs:read"],
    ["*:manage", "agents:start"],
    ["*:manage", "agents:*"],
    ["*:manage", "*"],
    ["agents:*", "*"],
    ["agents:*", "*:read"],
    ["*:manage", "tokens:verify"],
    ["*:read", "tokens:verify"],
    ["*:verify", "tokens:verify"],
    ["*:start", "agents:read"],
    ["*:start", "agents:stop"],
    ["*:start", "agents:*"],
    ["*:*", "*"],
    ["*:*", "*:read"],
    ["*:*", "api_keys:read"],
    ["*:*", "tokens:verify"],
    ["*:*", "accounts:*"],
    ["*:manage", "*:*"],
    ["agents:*", "*:start"],
    ["platform.*:manage", "*:read"],
    ["platform.*:manage", "api_keys:read"],
    ["platform.*:manage", "agents:start"],
  ])("%s is not enough for %s", (held, wanted) => expect(implies(held, wanted)).toBe(false));

  test("covers Latchkey's own resources by their name or *, and by a wildcard only for reading", () => {
    for (const resource of ownResources) {
      for (const verb of ["write", "manage"]) {
        expect(holds(["*:write", "*:manage"], `${resource}:${verb}`)).toBe(false);
        expect(holds([`${resource}:manage`], `${resource}:${verb}`)).toBe(true);
        expect(holds(["*"], `${resource}:${verb}`)).toBe(true);
      }
      expect(holds(["*:read"], `${resource}:read`)).toBe(true);
      for (const verb of ["read", "write", "manage", "verify", "act"]) {
        const wide = ["*:*", "*:verify", "*:act", "platform.*:manage"];
        expect(holds(wide, `${resource}:${verb}`)).toBe(false);
        expect(holds([...wide, "*:manage"], `${resource}:${verb}`)).toBe(verb === "read");
      }
    }
  });

  test("of *:write and *:manage needs both what they cover of Latchkey's resources and of the platform's", () => {
    expect(holds(["*:*", "*:read"], "*:manage")).toBe(true);
    expect(holds(["platform.*:write", "*:read"], "*:write")).toBe(true);
    expect(holds(["platform.*:write", "*:read"], "*:manage")).toBe(false);
    expect(holds(["*:*", "platform.*:manage"], "*:write")).toBe(false);
  });

  test("is reflexive and transitive", () => {
    for (const a of all) {
      expect(implies(a, a)).toBe(true);
      for (const b of all.filter((one) => implies(a, one))) {
        for (const c of all.filter((one) => implies(b, one))) {
          expect(implies(a, c), `${a} > ${b} > ${c}`).toBe(true);
        }
      }
    }
  });

  test("of one permission by another means that the other covers everything that the first covers", () => {
    fc.assert(
      fc.property(permission, permission, (a, b) => {
        if (implies(a, b)) expect(reach([a])).toEqual(expect.arrayContaining(reach([b])));
      }),
    );
  });

  test("is denied by default", () => {
    for (const wanted of all) expect(holds([], wanted)).toBe(false);
    for (const name of ["toString", "constructor", "__proto__"]) {
      expect(implies(`agents:${name}`, "agents:read")).toBe(false);
      expect(implies("agents:manage", `agents:${name}`)).toBe(false);
    }
  });
});

// biome-ignore lint/complexity/noExcessiveLinesPerFunction: groups the tests of one promise.
describe("a stored set", () => {
  test("covers exactly the given permissions", () => {
    fc.assert(
      fc.property(permissions, (texts) => {
        const asked = texts.map((text) => parsePermission(text) ?? "");
        expect(reach(stored(texts))).toEqual(reach(asked));
      }),
    );
  });

  test("is sorted, has no implied entries, and stays the same when it is stored again", () => {
    fc.assert(
      fc.property(permissions, (texts) => {
        const once = stored(texts);
        expect(once).toEqual([...once].sort());
        for (const one of once)
          expect(
            holds(
              once.filter((other) => other !== one),
              one,
            ),
          ).toBe(false);
        expect(stored(once)).toEqual(once);
        expect(stored([...texts].reverse())).toEqual(once);
      }),
    );
  });

  test.each([
    [["read"], ["*:read"]],
    [["write"], ["*:write"]],
    [["admin"], ["*"]],
    [["webhook"], ["webhooks:manage"]],
    [["write", "read", "agents:read"], ["*:write"]],
    [
      ["write", "api_keys:write"],
      ["*:write", "api_keys:write"],
    ],
    [["write", "api_keys:read"], ["*:write"]],
    [
      ["runs:start", "agents:write", "agents:read"],
      ["agents:write", "runs:start"],
    ],
    [["agents:*", "agents:start", "agents:manage"], ["agents:*"]],
    [["admin", "agents:start"], ["*"]],
    [
      ["*:start", "agents:start", "agents:stop"],
      ["*:start", "agents:stop"],
    ],
    [["*:*", "agents:start", "runs:*", "*:start", "platform.*:read"], ["*:*"]],
    [
      ["*:*", "read"],
      ["*:*", "*:read"],
    ],
    [
      ["*:*", "tokens:verify"],
      ["*:*", "tokens:verify"],
    ],
    [
      ["*:verify", "tokens:verify"],
      ["*:verify", "tokens:verify"],
    ],
    [["*:*", "admin"], ["*"]],
    [["*:read", "platform.*:write"], ["*:write"]],
    [[], []],
  ])("of %j is %j", (texts, expected) => expect(stored(texts)).toEqual(expected));
});

test.each([
  "",
  "agents",
  "agents:",
  ":read",
  "*:",
  ":*",
  "**",
  "*:*:*",
  "*:Start",
  "platform.*",
  "platform.*:start",
  "platform.*:*",
  "platform.agents:read",
  "agents:read:all",
  "Agents:read",
  "agents:Read",
  "agents :read",
  "1agents:read",
  "_agents:read",
  "ag-ents:read",
  "read:agents",
  "write:read",
  "manage:*",
  "agents:read\n",
  `${"a".repeat(64)}:read`,
  "constructor",
  "__proto__",
])("%j is not a permission, and the error names its place in the list", (text) => {
  expect(parsePermission(text)).toBeUndefined();
  const { violations } = parsePermissions(["agents:read", text], "spec.permissions");
  expect(violations.map(({ field }) => field)).toEqual(["spec.permissions[1]"]);
});

test("a resource may have 63 characters", () => {
  expect(parsePermission(`${"a".repeat(63)}:read`)).toBeDefined();
});
