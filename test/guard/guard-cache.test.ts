import fc from "fast-check";
import { expect, test } from "vitest";
import { freezeDeep } from "../../src/guard/freeze.ts";
import { createGuardCache } from "../../src/guard/guard-cache.ts";

const never = Number.POSITIVE_INFINITY;
const id = (n: number) => `key_${n % 6}`;
const accountOf = (n: number) => `acct_${n % 2}`;

type Model = Map<string, { value: number; endsAt: number; keyId: string; accountId: string }>;

const operation = fc.tuple(
  fc.constantFrom("keep", "keep", "keep", "key", "account", "everything", "recall", "recall"),
  fc.nat(11),
  fc.constantFrom(5, never),
);

test("the cache of a guard returns what a simple map returns, or nothing", () => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 60 }), fc.nat(10), (operations, time) => {
      const cache = createGuardCache<number>(8);
      const model: Model = new Map();
      for (const [at, [name, n, endsAt]] of operations.entries()) {
        // Several entries belong to one key, with different requirements.
        const [entry, keyId, accountId] = [`entry ${n}`, id(n), accountOf(n)];
        if (name === "keep") {
          const load = cache.begin();
          expect(load.keep(entry, { value: at, keyId, accountId, endsAt, bytes: 100 })).toBe(true);
          load.end();
          model.set(entry, { value: at, endsAt, keyId, accountId });
        }
        const tags: Record<string, string> = { key: keyId, account: accountId, everything: "*" };
        const tag = tags[name];
        if (tag !== undefined) {
          cache.invalidate([tag]);
          for (const [key, one] of model)
            if ([one.keyId, one.accountId, "*"].includes(tag)) model.delete(key);
        }
        const expected = model.get(entry);
        const value = cache.recall(entry, time);
        if (name === "keep" && time < endsAt) expect(value).toBe(at);
        // The least recently used entries may be gone.
        if (value !== undefined) expect(value).toBe(expected && time < expected.endsAt ? expected.value : -1);
        expect(cache.size()).toBeLessThanOrEqual(8);
      }
    }),
    { numRuns: 500 },
  );
});

test("an invalidation takes no longer for many entries than for one", () => {
  const fastest = (tag: string) => {
    let best = never;
    for (let times = 0; times < 3; times++) {
      const cache = createGuardCache<number>(100_000);
      const load = cache.begin();
      for (let n = 0; n < 20_000; n++) {
        const kept = { value: n, keyId: `key_${n}`, accountId: "acct_1", endsAt: never, bytes: 100 };
        load.keep(`entry ${n}`, kept);
      }
      load.end();
      const startedAt = performance.now();
      cache.invalidate([tag]);
      best = Math.min(best, performance.now() - startedAt);
      expect(cache.recall("entry 1", 0)).toBeUndefined();
    }
    return best;
  };
  // Evicting 20,000 entries one by one would take longer than this bound.
  expect(fastest("acct_1")).toBeLessThan(1);
  expect(fastest("*")).toBeLessThan(1);
});

test("the key of an entry counts as memory, because long requirements are part of it", () => {
  const cache = createGuardCache<number>(100);
  for (let n = 0; n < 100; n++) {
    const load = cache.begin();
    load.keep(`${n}${"x".repeat(50_000)}`, {
      value: n,
      keyId: id(n),
      accountId: accountOf(n),
      endsAt: never,
      bytes: 0,
    });
    load.end();
  }
  expect(cache.size()).toBeLessThan(5);
});

test("an entry that is larger than the whole cache is not kept", () => {
  const cache = createGuardCache<number>(2);
  const kept = { value: 1, keyId: "key_1", accountId: "acct_1", endsAt: never, bytes: 1_000_000 };
  expect(cache.begin().keep("entry", kept)).toBe(false);
  expect(cache.size()).toBe(0);
});

test("a frozen value shares its empty lists and maps, and keeps everything else", () => {
  const message = { $typeName: "a message" };
  const value = { list: [], map: {}, full: ["a"], date: new Date(0), message, text: "", none: undefined };
  const copy = structuredClone(value);
  const frozen = freezeDeep(value);
  expect(frozen).toEqual(copy);
  expect(frozen.list).toBe(freezeDeep({ other: [] }).other);
  expect(() => frozen.full.push("b")).toThrow(TypeError);
});
