import { expect, test } from "vitest";
import { filesIn, textOf } from "./support/imports.ts";

const sharing = filesIn("test").filter((file) => textOf(file).includes("useSharedApp("));

// What the server accepts only once in all accounts together.
const unique: [what: string, pattern: RegExp, help: string][] = [
  ["e-mail address", /["`][\w.+-]+(\$\{[^}]*\})?@[\w.]+["`]/g, "use newEmail() of actors.ts"],
  ["external id", /\bexternalId: "[\w./-]{2,}"/g, "begin it with the name of the file"],
];

// vitest.config.ts gives the files that replace timers workers of their own.
test("no file that replaces timers uses a shared app", () => {
  const replacing = filesIn("test").filter((file) => /vi\.useFakeTimers\(/.test(textOf(file)));
  expect(replacing.length).toBeGreaterThan(5);
  expect(replacing.filter((file) => sharing.includes(file))).toEqual([]);
});

// vitest.config.ts sees only the text of the test file itself.
test("only test files replace timers, and no file of test/support does it for them", () => {
  const support = filesIn("test").filter((file) => !file.endsWith(".test.ts"));
  expect(support.length).toBeGreaterThan(100);
  expect(support.filter((file) => /vi\.useFakeTimers\(/.test(textOf(file)))).toEqual([]);
});

test.each(unique)("no two files that share an app name the same %s", (_what, pattern, help) => {
  expect(sharing.length).toBeGreaterThan(50);
  const filesOf = new Map<string, Set<string>>();
  for (const file of sharing)
    for (const [text] of textOf(file).matchAll(pattern))
      filesOf.set(text, (filesOf.get(text) ?? new Set()).add(file));
  const twice = [...filesOf].filter(([, files]) => files.size > 1);
  expect(twice, help).toEqual([]);
});
