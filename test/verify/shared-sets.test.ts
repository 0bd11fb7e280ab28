import fc from "fast-check";
import { expect, test } from "vitest";
import { effectiveSet } from "../../src/domain/access/permission.ts";
import { atOnce } from "../../src/domain/kernel/slices.ts";
import { createSharedSets } from "../../src/verify/evaluate/shared-sets.ts";

const same = (text: string) => text;
const list = (count: number, verb = "run") => Array.from({ length: count }, (_, n) => `thing_${n}:${verb}`);

test("the set of long lists is computed once for all keys of an account", () => {
  const setOf = createSharedSets(same);
  const first = atOnce(setOf("acct_1", ["*"], list(4_096)));
  expect(first.permissions).toHaveLength(4_096);
  expect(atOnce(setOf("acct_1", ["*"], list(4_096)))).toBe(first);
  expect(atOnce(setOf("acct_2", ["*"], list(4_096)))).not.toBe(first);
});

test("a list that differs in one permission gets another set", () => {
  const setOf = createSharedSets(same);
  const first = atOnce(setOf("acct_1", ["*"], list(1_000)));
  const others: [own: string[], owner: string[] | null][] = [
    [["*"], list(999)],
    [["*"], [...list(999), "thing_999:start"]],
    [list(1_000), null],
    [list(1_000), []],
    [[], list(1_000)],
  ];
  for (const [own, owner] of others) {
    const set = atOnce(setOf("acct_1", own, owner));
    expect(set.permissions).toEqual(atOnce(effectiveSet(own, owner)).permissions);
    expect(set).not.toBe(first);
  }
});

test("lists that only differ in where an entry ends, or in which list an entry is, get different sets", () => {
  const setOf = createSharedSets(same);
  const entry = fc.oneof(
    fc.constantFrom("a:run", "b:run", "a:run\nb:run", 'a:run","b:run', "*", "a:*", "*:run"),
    fc.string(),
  );
  const lists = fc.tuple(fc.array(entry), fc.option(fc.array(entry)));
  fc.assert(
    fc.property(lists, fc.boolean(), ([short, owner], isOwnLong) => {
      const own = isOwnLong ? [...short, ...list(65)] : short;
      const owners = isOwnLong ? owner : [...(owner ?? []), ...list(65)];
      const { permissions } = atOnce(setOf("acct_1", own, owners));
      expect(permissions).toEqual(atOnce(effectiveSet(own, owners)).permissions);
    }),
  );
});

test("the work on long lists pauses after at most 500 items", () => {
  const setOf = createSharedSets(same);
  atOnce(setOf("acct_1", ["*"], list(10_000)));
  const again = setOf("acct_1", ["*"], list(10_000));
  let pauses = 0;
  while (!again.next().done) pauses += 1;
  expect(pauses).toBeGreaterThanOrEqual(20);
});

test("sets that were not used for long make room for others", () => {
  const setOf = createSharedSets(same);
  const first = atOnce(setOf("acct_1", ["*"], list(20_000)));
  atOnce(setOf("acct_1", ["*"], list(20_000, "start")));
  atOnce(setOf("acct_1", ["*"], list(20_000, "stop")));
  expect(atOnce(setOf("acct_1", ["*"], list(20_000)))).not.toBe(first);
});
