import { expect, test } from "vitest";
import type { Preset } from "../../src/domain/access/permission-preset.ts";
import { createPermissionParser } from "../../src/domain/access/permission-vocabulary.ts";

/** Creates presets of this size with different permissions. `read` has the name of each preset whose permissions were read. */
function presetsOf(count: number, size: number) {
  const read: string[] = [];
  const presets = Array.from({ length: count }, (_, n): Preset => {
    const permissions = Array.from({ length: size }, (_, m) => `thing_${n}_${m}:write`);
    const name = `preset-${n}`;
    return {
      name,
      description: "",
      get permissions() {
        read.push(name);
        return permissions;
      },
    };
  });
  return { read, names: presets.map(({ name }) => name), parse: createPermissionParser(undefined, presets) };
}

test("a list that repeats a preset expands it once", () => {
  const { parse, names, read } = presetsOf(1, 1_000);
  const { permissions, violations } = parse(Array<string>(1_024).fill(names[0] ?? ""), "spec.permissions");
  expect(violations).toEqual([]);
  expect(permissions).toHaveLength(1_000);
  expect(read).toEqual(names);
});

test("a list whose presets have too many permissions together is refused before a set is built", () => {
  const { parse, names, read } = presetsOf(100, 1_000);
  const { permissions, violations } = parse(names, "spec.permissions");
  expect(violations).toEqual([
    {
      field: "spec.permissions",
      description: "expected at most 1024 permissions, those of its presets included",
    },
  ]);
  expect(permissions).toEqual([]);
  expect(read).toEqual(names.slice(0, 2));
});

test("a list may have 1,024 permissions, and those that it repeats count once", () => {
  const { parse, names } = presetsOf(1, 1_000);
  const others = (count: number) => Array.from({ length: count }, (_, n) => `other_${n}:write`);
  const texts = (count: number) => [...names, "thing_0_0:write", ...others(count), ...others(count)];
  expect(parse(texts(24), "spec.permissions").permissions).toHaveLength(1_024);
  expect(parse(texts(25), "spec.permissions").violations).toHaveLength(1);
});
