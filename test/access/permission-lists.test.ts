import fc from "fast-check";
import { expect, test } from "vitest";
import { holds, permissionSet } from "../../src/domain/access/permission.ts";
import { createListComparison } from "../../src/domain/access/permission-lists.ts";
import { atOnce } from "../../src/domain/kernel/slices.ts";

const resources = ["agents", "runs", "api_keys", "roles"];
const verbs = ["read", "write", "manage", "start", "*"];
const named = resources.flatMap((resource) => verbs.map((verb) => `${resource}:${verb}`));
const wildcards = ["*:read", "*:write", "*:manage", "*:start", "*:*", "platform.*:read", "platform.*:write"];
const permission = fc.constantFrom(...named, ...wildcards, "*");
const list = fc.array(permission, { maxLength: 40 });
const lists = fc.array(list, { minLength: 1, maxLength: 6 });
const chosen = fc.array(fc.nat(5), { maxLength: 6 });

test("several lists include what one of them includes, and the first missing permission is one that none includes", () => {
  fc.assert(
    fc.property(lists, fc.array(fc.tuple(chosen, chosen), { maxLength: 8 }), (all, pairs) => {
      // All cases use one comparison, which reuses what it found for a pair of lists.
      const comparison = createListComparison();
      for (const [inner, outer] of pairs) {
        const [wanted, held] = [inner, outer].map((one) => one.map((n) => all[n % all.length] ?? []));
        if (!wanted || !held) return;
        const together = permissionSet(held.flat());
        const expected = wanted.flat().find((one) => !holds(together, one));
        expect(atOnce(comparison.missing(wanted, held))).toBe(expected);
      }
    }),
  );
});

test("each pair of lists is compared once, for any number of combinations", () => {
  const roles = Array.from({ length: 40 }, (_, r) =>
    Array.from({ length: 250 }, (_, p) => `thing_${r}_${p}:start`),
  );
  const comparison = createListComparison();
  const someOf = (n: number) => roles.filter((_, r) => (r * 7 + n) % 5 === 0);
  const stepsOf = (run: () => Generator<void, unknown>) => {
    let steps = 0;
    for (const _ of run()) steps += 1;
    return steps;
  };
  const held = roles.flat();
  const all = Array.from({ length: 1_000 }, (_, n) => () => comparison.missing(someOf(n), [held]));
  const [first, ...others] = [all.slice(0, 5), all.slice(5)].map((some) =>
    some.reduce((sum, run) => sum + stepsOf(run), 0),
  );
  expect(first).toBeGreaterThan(40);
  expect(others).toEqual([0]);
});
