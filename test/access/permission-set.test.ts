import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  effectiveSet,
  holds,
  implies,
  narrow,
  parsePermission,
  permissionSet,
} from "../../src/domain/access/permission.ts";
import { maxExpanded } from "../../src/domain/access/permission-index.ts";
import { createPermissionParser } from "../../src/domain/access/permission-vocabulary.ts";
import { atOnce, inTurns, type Slices, sliceLength, sorted } from "../../src/domain/kernel/slices.ts";
import { costRatio } from "../support/cost.ts";
import { runs } from "../support/random.ts";

const parsePermissions = createPermissionParser(undefined);
const resources = ["agents", "runs", "webhooks", "api_keys", "audit", "tokens", ...numbered("thing", 8)];
const verbs = ["read", "write", "manage", "start", "stop", "verify", "*"];
const texts = [
  ...resources.flatMap((resource) => verbs.map((verb) => `${resource}:${verb}`)),
  ...["*:read", "*:write", "*:manage", "read", "write", "webhook"],
  ...["*:*", "*:start", "*:verify", "*:halt", "platform.*:read", "platform.*:write", "platform.*:manage"],
  ...["no permission", "*:Start", "", "constructor", "__proto__:read"],
];
const few = fc.constantFrom(...texts);
const any = fc.oneof({ weight: 60, arbitrary: few }, { weight: 1, arbitrary: fc.constantFrom("*", "admin") });
const lists = fc.array(any, { maxLength: 60 });
const canonical = texts.flatMap((text) => parsePermission(text) ?? []);

function numbered(name: string, count: number): string[] {
  return Array.from({ length: count }, (_, n) => `${name}_${n}`);
}

/** The definition of these functions. It compares each pair of permissions, which is slow. */
const definition = {
  normalise(list: readonly string[]): string[] {
    const all = notImplied([...new Set(list.flatMap((text) => parsePermission(text) ?? []))]);
    const joined = ["write", "manage"].filter(
      (verb) => all.includes(`platform.*:${verb}`) && all.some((one) => implies(one, "*:read")),
    );
    return notImplied([...new Set([...all, ...joined.map((verb) => `*:${verb}`)])]).sort();
  },
  narrow(own: readonly string[], owner: readonly string[]): string[] {
    const [a, b] = [own, owner].map((list) => list.flatMap((text) => parsePermission(text) ?? []));
    return definition.normalise((a ?? []).flatMap((one) => (b ?? []).flatMap((other) => meet(one, other))));
  },
};

function notImplied(all: string[]): string[] {
  return all.filter((one) => !all.some((other) => other !== one && implies(other, one)));
}

function isIncluded(held: readonly string[], wanted: string): boolean {
  if (held.some((one) => implies(one, wanted))) return true;
  const [resource, verb = ""] = wanted.split(":");
  const joint = resource === "*" && ["write", "manage"].includes(verb);
  return joint && isIncluded(held, "*:read") && isIncluded(held, `platform.*:${verb}`);
}

function meet(a: string, b: string): string[] {
  if (implies(a, b)) return [b];
  if (implies(b, a)) return [a];
  const [resourceA = "", verbA = ""] = a.split(":");
  const [resourceB = "", verbB = ""] = b.split(":");
  return [resourceA, resourceB, "platform.*"]
    .flatMap((resource) => ["read", "write", "manage", verbA, verbB].map((verb) => `${resource}:${verb}`))
    .filter((one) => parsePermission(one) === one && implies(a, one) && implies(b, one));
}

describe("the result equals the definition that compares each pair:", () => {
  test("a stored set", () => {
    fc.assert(
      fc.property(lists, (list) => {
        expect(parsePermissions(list, "").permissions).toEqual(definition.normalise(list));
        expect(permissionSet(list).permissions).toEqual(definition.normalise(list));
      }),
      { numRuns: runs(200) },
    );
  });

  test("a narrowed set, which has a bounded length", () => {
    fc.assert(
      fc.property(lists, lists, (own, owner) => {
        const narrowed = narrow(own, owner);
        expect(narrowed).toEqual(definition.narrow(own, owner));
        expect(narrowed.length).toBeLessThanOrEqual(own.length + owner.length + maxExpanded);
      }),
      { numRuns: runs(200) },
    );
  });

  test("a lookup in a short or a long set", () => {
    fc.assert(
      fc.property(lists, (list) => {
        const set = permissionSet(list);
        const held = list.flatMap((text) => parsePermission(text) ?? []);
        for (const wanted of canonical) {
          const included = isIncluded(held, wanted);
          expect(holds(set, wanted), wanted).toBe(included);
          expect(holds(held, wanted), wanted).toBe(included);
        }
      }),
    );
  });
});

test("a set that is narrowed from many resources and many wildcards of one verb has a bound", () => {
  const everyVerb = numbered("thing", 300).map((name) => `${name}:*`);
  const everyResource = numbered("do", 300).map((verb) => `*:${verb}`);
  const narrowed = narrow(everyVerb, everyResource);
  expect(narrowed).toHaveLength(maxExpanded);
  expect(narrow(everyResource, everyVerb)).toEqual(narrowed);
  for (const list of [everyVerb, everyResource]) {
    for (const one of narrowed) expect(holds(list, one)).toBe(true);
  }
  expect(narrow(everyVerb.slice(0, 30), everyResource.slice(0, 30))).toHaveLength(900);
});

describe("thousands of permissions", () => {
  // The list is unsorted and has duplicates. The seed decides its content.
  const long = fc.tuple(fc.integer({ min: 1, max: 9_973 }), fc.integer({ min: 1_001, max: 6_000 }));
  const listOf = ([step, length]: [number, number]) =>
    numbered("", length).map((_, n) => {
      const place = (n * step) % 9_973;
      return `thing_${place % 3_000}:${verbs[place % verbs.length]}`;
    });

  test("are sorted slice by slice into the same order as at once", () => {
    fc.assert(
      fc.property(long, (seed) => {
        expect(atOnce(sorted(listOf(seed)))).toEqual(listOf(seed).sort());
      }),
      { numRuns: runs(3) },
    );
  });

  test("result in the same set whether the event loop turns meanwhile or not", async () => {
    await fc.assert(
      fc.asyncProperty(long, long, async (one, other) => {
        const [own, owner] = [listOf(one), listOf(other)];
        expect(await inTurns(effectiveSet(own, owner))).toEqual(atOnce(effectiveSet(own, owner)));
      }),
      { numRuns: runs(3) },
    );
  });

  test("are processed in slices", () => {
    const list = numbered("thing", 50 * sliceLength).map((name) => `${name}:read`);
    const work = effectiveSet(list, list);
    let slices = 1;
    while (!work.next().done) slices += 1;
    // Each list is read. Then the intersection is computed, stored and sorted.
    expect(slices).toBeGreaterThan(4 * 50);
  });

  test("pause after at most 500 items while the set for lookups is built", () => {
    const list = numbered("thing", 20 * sliceLength).map((name) => `${name}:read`);
    let [sincePause, longest] = [0, 0];
    const work = effectiveSet(list, null, (text) => {
      sincePause += 1;
      longest = Math.max(longest, sincePause);
      return text;
    });
    while (!work.next().done) sincePause = 0;
    expect(longest).toBe(sliceLength);
  });

  test("let the event loop turn while they are processed", async () => {
    let turns = 0;
    let working = true;
    const count = () => {
      turns += 1;
      if (working) setImmediate(count);
    };
    setImmediate(count);
    await inTurns(slowSlices(20));
    working = false;
    expect(turns).toBeGreaterThanOrEqual(20);
  });
});

function* slowSlices(count: number): Slices<void> {
  for (let slice = 0; slice < count; slice++) {
    const start = performance.now();
    while (performance.now() - start < 2);
    yield;
  }
}

describe("one list of many permissions costs about as much as many short lists", () => {
  // A comparison of each pair would cost 32 times as much. Larger tables alone make it up to five times.
  const times = 32;
  const most = 12;
  const length = 120;
  const kinds: Record<string, (count: number) => string[]> = {
    "of different resources": (count) => numbered("thing", count).map((name) => `${name}:start`),
    "of one resource": (count) => numbered("do", count).map((verb) => `agents:${verb}`),
    "of one verb on every resource": (count) => numbered("do", count).map((verb) => `*:${verb}`),
    "of ranked verbs and wildcards": (count) =>
      numbered("thing", count).flatMap((name, n) => (n % 2 ? [`${name}:*`] : [`${name}:write`, "*:read"])),
  };
  const work: Record<string, (list: string[]) => unknown> = {
    "to store": (list) => parsePermissions(list, ""),
    "narrowed by as many": (list) => narrow(list, [...list].reverse()),
    "narrowed by wildcards": (list) => narrow(list, ["*:write", ...list.map((one) => `x_${one}`)]),
    "looked up as often": (list) => {
      const set = permissionSet(list);
      return list.filter((one) => holds(set, `${one}x`));
    },
  };

  test.each(Object.entries(work))("%s", (_, run) => {
    for (const [kind, make] of Object.entries(kinds)) {
      const [few, many] = [make(length), make(length * times)];
      const oneList = () => run(many);
      const manyLists = () => {
        for (let n = 0; n < times; n++) run(few);
      };
      expect(costRatio(oneList, manyLists, most), kind).toBeLessThan(most);
    }
  });
});
