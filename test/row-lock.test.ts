import { readdirSync, readFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { uncheckedMutations } from "../src/domain/unchecked-mutation.ts";
import { useApp } from "./support/app.ts";
import { call } from "./support/call.ts";
import { watchLocks } from "./support/lock-watch.ts";
import { callerFor, methods, nameOf, validRequest } from "./support/requests.ts";

const app = useApp();
let watch: Awaited<ReturnType<typeof watchLocks>>;
beforeAll(async () => {
  watch = await watchLocks(app.db);
});

test.each(methods.map((method) => [nameOf(method), method] as const))(
  "%s changes no row that its first statement has not locked",
  async (_name, method) => {
    const owner = await app.newAccount();
    const request = await validRequest(app, owner, method);
    await watch.unlocked();
    await call(callerFor(app, owner, method), method, request);
    await app.app.flush();
    expect(await watch.unlocked()).toEqual([]);
  },
);

describe("the source", () => {
  const sources = readdirSync(new URL("../src", import.meta.url), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => [name, readFileSync(new URL(`../src/${name}`, import.meta.url), "utf8")] as const);
  const uses = (pattern: RegExp) =>
    sources.flatMap(([name, text]) => [...text.matchAll(pattern)].map(([, found = name]) => found));

  test("makes no change without its bearer that the reviewed list does not name", () => {
    const named = uses(/mutateUnchecked\(\s*db,\s*("\w+"|[^)]{1,20})/g).map((name) =>
      name.replaceAll('"', ""),
    );
    const alone = "PurgeAccount";
    expect([...named, alone].sort()).toEqual(Object.keys(uncheckedMutations).sort());
  });

  test("begins a transaction only where changes, migrations and the purge do", () => {
    const files = sources.filter(([, text]) =>
      /\.transaction\(|begin\s+transaction|startTransaction/.test(text),
    );
    expect(files.map(([name]) => name).sort()).toEqual([
      "db/migrate.ts",
      "domain/account-delete.ts",
      "domain/mutation.ts",
    ]);
  });

  test("locks rows in the first statement of a change, save where a reviewed place locks one more", () => {
    const locks = /\.for(Update|Share|KeyShare|NoKeyUpdate)\(|\bfor (update|share|key share|no key update)\b/;
    const files = sources.filter(([name, text]) => locks.test(text) && !/migrations/.test(name));
    expect(files.map(([name]) => name).sort()).toEqual([
      // The purge takes an account that nobody else works on.
      "domain/account-delete.ts",
      // Of two creations under a plan, the second counts the first. Its account is locked more weakly before.
      "domain/entitlement.ts",
      // A mailed token, after its user.
      "domain/otp.ts",
    ]);
  });
});
