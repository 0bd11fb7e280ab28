import { expect, test } from "vitest";
import { readConfig } from "../../src/config/config.ts";

const good = {
  name: "operator",
  description: "Runs everything.",
  permissions: ["agents:read", "*:run", "read"],
};
const read = (value: unknown, permissions?: string) =>
  readConfig({
    LATCHKEY_PERMISSION_SETS: typeof value === "string" ? value : JSON.stringify(value),
    ...(permissions !== undefined && { LATCHKEY_PERMISSIONS: permissions }),
  }).permissionSets;

test("a permission set is read with its permissions in stored form", () => {
  expect(read([good, { name: "on-call", permissions: ["admin"] }])).toEqual([
    { name: "operator", description: "Runs everything.", permissions: ["*:read", "*:run"] },
    { name: "on-call", description: "", permissions: ["*"] },
  ]);
});

test("the setting adds nothing to LATCHKEY_PERMISSIONS", () => {
  expect(() => read([good], "flows")).toThrow(/permissions\[0\]: "agents:read": unknown resource/);
  expect(read([good], "agents:run")).toHaveLength(1);
});

test.each<[string, unknown, RegExp]>([
  ["no JSON", "operator", /^LATCHKEY_PERMISSION_SETS: expected a JSON list/],
  ["an object", good, /expected a JSON list/],
  ["too many sets", Array.from({ length: 101 }, (_, n) => ({ ...good, name: `s${n}` })), /at most 100/],
  ["a text in the list", ["operator"], /\[0\]: expected an object/],
  ["no name", [{ permissions: ["read"] }], /\[0\]\.name: expected a lower-case letter/],
  ["a name with a colon", [{ ...good, name: "agents:read" }], /\[0\]\.name/],
  ["a name of Latchkey", [{ ...good, name: "admin" }], /\[0\]\.name: admin is a short name of Latchkey/],
  ["a name twice", [good, good], /\[1\]\.name: expected each name once/],
  ["an unknown field", [{ ...good, permision: [] }], /\[0\]\.permision: unknown field/],
  ["a description that is no text", [{ ...good, description: 1 }], /\[0\]\.description/],
  ["no permissions", [{ name: "empty", permissions: [] }], /\[0\]\.permissions: expected a list/],
  ["a number as a permission", [{ ...good, permissions: [1] }], /\[0\]\.permissions: expected a list/],
  ["a set in a set", [good, { name: "b", permissions: ["operator"] }], /\[1\]\.permissions\[0\]: "operator"/],
])("%s is refused, and the error names the place", (_, value, message) => {
  expect(() => read(value)).toThrow(message);
});

test("the permissions of all sets together have a maximum, and the error names it and the first set beyond it", () => {
  const setOf = (name: string, size: number) => ({
    name,
    permissions: Array.from({ length: size }, (_, n) => `${name}_${n}:read`),
  });
  const full = ["a", "b", "c", "d"].map((name) => setOf(name, 1_024));
  expect(read(full)).toHaveLength(4);
  expect(() => read([...full, setOf("e", 1), setOf("f", 1)])).toThrow(
    /^LATCHKEY_PERMISSION_SETS\[4\]\.permissions: with those of "e", .* more than 4096 permissions[^\n]*$/,
  );
});

test("a set with an unknown permission is refused, and the error names the permission and the nearest one", () => {
  expect(() => read([{ ...good, permissions: ["agents:read", "agnets:read"] }], "agents")).toThrow(
    'LATCHKEY_PERMISSION_SETS[0].permissions[1]: "agnets:read": unknown resource: did you mean agents:read?',
  );
});
