import { readdirSync, readFileSync } from "node:fs";
import { sql } from "kysely";
import { beforeAll, describe, expect, test } from "vitest";
import type { Db, Store } from "../../src/db/connect.ts";
import { mutateUnchecked } from "../../src/domain/kernel/mutation.ts";
import { backgroundWrites, uncheckedMutations } from "../../src/domain/kernel/unchecked-mutation.ts";
import { call } from "../support/actors/call.ts";
import { useApp } from "../support/app.ts";
import { watchLocks } from "../support/database/lock-watch.ts";
import { callerFor } from "../support/schema/callers.ts";
import { methods, nameOf, validRequest } from "../support/schema/requests.ts";

const app = useApp();
const local = { method: "test", requestId: "test", clientAddress: "local", addressKey: "local" };
let watch: Awaited<ReturnType<typeof watchLocks>>;
beforeAll(async () => {
  watch = await watchLocks(app.db);
});

test.each(methods.map((method) => [nameOf(method), method] as const))(
  "%s changes only rows that its first statement has locked",
  async (_name, method) => {
    const owner = await app.newAccount();
    const request = await validRequest(app, owner, method);
    await watch.unlocked();
    await call(callerFor(app, owner, method), method, request);
    await app.app.flush();
    const help =
      "declare a lock of these rows in `locks` of the mutation; test/support/database/lock-watch.ts says which";
    expect(await watch.unlocked(), help).toEqual([]);
  },
);

// Files that lock rows outside of the first statement of a change.
const reviewedLocks = [
  // The lock orders two creations under a plan, so that the second counts the first. The first statement
  // takes a weaker lock of the account.
  "domain/access/entitlement.ts",
  // The purge takes an account that no other call works on. The retention job takes events that no other
  // instance deletes.
  "domain/account/delete.ts",
  // Verifications take credits without the locks of a change, so the record is locked before it is read.
  "domain/credit/change.ts",
  // The pending invites of an address, whose ids are not known before. The lock of the address comes first.
  "domain/invite/revoke.ts",
  "domain/kernel/audit-retention.ts",
  // The retention jobs skip rows that another instance deletes.
  "domain/session/embed-retention.ts",
  "domain/usage/retention.ts",
  // The mailed token, after its user.
  "domain/user/otp.ts",
  // The sweep of unused counters. It skips counters that a verification locks.
  "verify/limits/postgres-store.ts",
];

describe("the source", () => {
  const sources = readdirSync(new URL("../../src", import.meta.url), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => [name, readFileSync(new URL(`../../src/${name}`, import.meta.url), "utf8")] as const);
  const isMigration = (name: string) => /migrations/.test(name);

  test("makes a change without a bearer only if the reviewed list names it", () => {
    const named = sources.flatMap(([, text]) => [...text.matchAll(/mutateUnchecked\(db, "(\w+)"/g)]);
    const help = "name it, with its reason, in src/domain/kernel/unchecked-mutation.ts";
    expect(named.map(([, name]) => name).sort(), help).toEqual(Object.keys(uncheckedMutations).sort());
    const all = sources.flatMap(([, text]) => [...text.matchAll(/\bmutateUnchecked\(/g)]);
    expect(all, 'call it as `mutateUnchecked(db, "<name>", …)`, with a name of the list').toHaveLength(
      named.length,
    );
  });

  test("does not compile if a change would not wait for its invalidation", () => {
    const change = async (db: Db, store: Store) => {
      const nothing = async () => ({ result: undefined, events: [] });
      // @ts-expect-error A database without a change follower is not a store.
      await mutateUnchecked(db, "Bootstrap", local, nothing);
      // @ts-expect-error A transaction is not a store, because its changes would not wait for anything.
      await store.transaction().execute((tx) => mutateUnchecked(tx, "Bootstrap", local, nothing));
      await mutateUnchecked(store, "Bootstrap", local, nothing);
    };
    expect(change).toBeTypeOf("function");
  });

  test("writes outside of a mutation only in files of the reviewed list", () => {
    const writes = [
      /\.transaction\(\)/,
      /\binTransaction\(db\b/,
      /\bdb\s*\.(insertInto|updateTable|deleteFrom)\(/,
      /\b(insert into|delete from|update)\b[^`]*`\s*\.execute\(\s*db\b/,
    ];
    const files = sources.filter(
      ([name, text]) => !isMigration(name) && writes.some((one) => one.test(text)),
    );
    const reviewed = [...Object.keys(backgroundWrites), "domain/kernel/change.ts"];
    const help = "change data through `mutate`, or name the file in src/domain/kernel/unchecked-mutation.ts";
    expect(files.map(([name]) => name).sort(), help).toEqual(reviewed.sort());
  });

  test("locks rows only in the first statement of a change, or in a reviewed place", () => {
    const locks = /\.for(Update|Share|KeyShare|NoKeyUpdate)\(|\bfor (update|share|key share|no key update)\b/;
    const files = sources.filter(([name, text]) => locks.test(text) && !isMigration(name));
    const help =
      "declare the lock in `locks` of the mutation. If that is not possible, add the file here with the reason";
    expect(files.map(([name]) => name).sort(), help).toEqual(reviewedLocks);
  });
});

test("a client cannot compute a name whose lock is the lock of a row in another account", async () => {
  // Without the secret, these two names would share a lock. The first was computed from the second.
  const [computed, target] = [
    ["acct_01jd0000000000000000000000", "ubw#c`?|y?]m5Zzv"],
    ["acct_01jd9999999999999999999999", "acct_01jd9999999999999999999999"],
  ] as const;
  const { rows } = await sql<{ known: boolean; secret: boolean }>`
    select
      hashtextextended(${computed.join(" ")}, 0) = hashtextextended(${target.join(" ")}, 0) as known,
      latchkey_lock_key(${computed[0]}, ${computed[1]}) = latchkey_lock_key(${target[0]}, ${target[1]}) as secret
  `.execute(app.db);
  expect(rows).toEqual([{ known: true, secret: false }]);
});
