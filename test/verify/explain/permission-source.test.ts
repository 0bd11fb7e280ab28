import fc from "fast-check";
import { expect, test } from "vitest";
import { effectiveSet, holds, implies, permissionSet } from "../../../src/domain/access/permission.ts";
import { partsOf } from "../../../src/domain/access/permission-grammar.ts";
import { atOnce } from "../../../src/domain/kernel/slices.ts";
import { permissionSources } from "../../../src/verify/explain/permission-source.ts";
import type { SourceKind, SourceList } from "../../../src/verify/explain/source-list.ts";

const verbs = ["read", "write", "manage", "start", "*"];
const resources = ["agents", "runs", "api_keys", "*"];
const texts = [...resources.flatMap((resource) => verbs.map((verb) => `${resource}:${verb}`)), "*"];
const permission = fc.constantFrom(...texts, "platform.*:read", "platform.*:write");
const list = fc.array(permission, { maxLength: 6 }).map((one) => permissionSet(one).permissions);
const lists = fc.array(list, { minLength: 1, maxLength: 4 });

let count = 0;
function listOf(kind: SourceKind, permissions: readonly string[]): SourceList {
  count += 1;
  return { kind, id: `${count}`, name: "", teamId: null, teamName: null, permissions };
}

const input = { missing: [], claimLimit: undefined, presets: [], most: 1_000 };

test("the sources of a permission are exactly the lists that include a part of it", () => {
  fc.assert(
    fc.property(lists, (all) => {
      const roles = all.map((one) => listOf("team", one));
      const { permissions } = permissionSet(all.flat());
      const { sources, complete } = atOnce(permissionSources({ ...input, permissions, lists: roles }));
      const found = sources.map((source) => [source.permission, source.list.id]);
      const expected = permissions.flatMap((one) =>
        roles
          .filter((role) => partsOf(one).some((part) => role.permissions.some((held) => implies(held, part))))
          .map((role) => [one, role.id]),
      );
      expect(found).toEqual(expected);
      expect(complete).toBe(true);
      for (const one of permissions) expect(found.some(([held]) => held === one)).toBe(true);
      for (const { list: from, entry } of sources) expect(from.permissions).toContain(entry);
    }),
  );
});

test("each permission of an owned key has its own list and its owner as sources, and a missing one has a reason", () => {
  fc.assert(
    fc.property(list, lists, permission, (own, owner, wanted) => {
      const { permissions } = atOnce(effectiveSet(own, permissionSet(owner.flat()).permissions));
      const from = [listOf("own_list", own), ...owner.map((one) => listOf("role", one))];
      const missing = holds(permissions, wanted) ? [] : [wanted];
      const { sources, reasons } = atOnce(permissionSources({ ...input, permissions, missing, lists: from }));
      for (const one of permissions) {
        const kinds = new Set(
          sources.filter((source) => source.permission === one).map((source) => source.list.kind),
        );
        expect(kinds).toEqual(new Set(["own_list", "role"]));
      }
      const [byOwn, byOwner] = [holds(own, wanted), holds(permissionSet(owner.flat()), wanted)];
      const reason = byOwn ? "owner" : byOwner ? "own_list" : "both";
      expect([...reasons]).toEqual(missing.map((one) => [one, reason]));
    }),
  );
});

test("a claimed role is a source only of what the limiting role includes too", () => {
  const [claimed] = [listOf("claimed_role", ["agents:read", "runs:start"])];
  const both = { ...input, permissions: ["agents:read", "runs:start"], lists: [claimed] };
  const { sources } = atOnce(permissionSources({ ...both, claimLimit: ["*:read"] }));
  expect(sources.map((source) => source.permission)).toEqual(["agents:read"]);
  expect(atOnce(permissionSources(both)).sources).toEqual([]);
});

test("a preset is named only if the list includes all of it", () => {
  const presets = [
    { name: "whole", description: "", permissions: ["agents:read", "runs:start"] },
    { name: "part", description: "", permissions: ["agents:read", "users:read"] },
  ];
  const lists = [listOf("role", ["agents:read", "runs:*", "runs:start"])];
  const permissions = ["agents:read", "runs:stop"];
  const { sources } = atOnce(permissionSources({ ...input, permissions, lists, presets }));
  expect(sources.map((source) => [source.entry, source.presets])).toEqual([
    ["agents:read", ["whole"]],
    ["runs:*", []],
  ]);
});

test("the number of sources is bounded, and the result says that there are more", () => {
  const from = Array.from({ length: 10 }, () => listOf("team", ["*"]));
  const permissions = ["agents:read", "runs:start"];
  const result = atOnce(permissionSources({ ...input, permissions, lists: from, most: 15 }));
  expect([result.sources.length, result.complete]).toEqual([15, false]);
  expect(atOnce(permissionSources({ ...input, permissions, lists: from, most: 20 })).complete).toBe(true);
});
