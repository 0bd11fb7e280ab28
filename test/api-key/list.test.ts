import { describe, expect, test } from "vitest";
import { encodeCursor } from "../../src/domain/kernel/list.ts";
import { type Clients, issueKey, type Owner } from "../support/app.ts";
import { refusal } from "../support/errors.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();

type Filter = Parameters<Clients["apiKeys"]["listApiKeys"]>[0];

async function ids(caller: Clients, filter: Filter = {}): Promise<string[]> {
  const { items } = await caller.apiKeys.listApiKeys({ query: "listed", limit: 200, ...filter });
  return items.map((key) => key.metadata?.id ?? "");
}

async function names(caller: Clients, filter: Filter): Promise<string[]> {
  const { items } = await caller.apiKeys.listApiKeys(filter);
  return items.filter((key) => !key.spec?.system).map((key) => key.metadata?.name ?? "");
}

async function issueMany(owner: Owner, count: number): Promise<string[]> {
  const made: string[] = [];
  for (let i = 0; i < count; i++)
    made.push((await issueKey(owner, { metadata: { name: `listed ${i}` } })).id);
  return made;
}

describe("paging", () => {
  test.each(["asc", "desc", ""])(
    "in order %j returns every key exactly once while other keys are created",
    async (sortOrder) => {
      const owner = await app.newAccount();
      const made = await issueMany(owner, 7);
      const seen: string[] = [];
      for (let cursor = "", pages = 0; pages < 20; pages++) {
        const page = await owner.apiKeys.listApiKeys({ query: "listed", limit: 2, cursor, sortOrder });
        expect(page.items.length).toBeLessThanOrEqual(2);
        seen.push(...page.items.map((key) => key.metadata?.id ?? ""));
        cursor = page.pagination?.nextCursor ?? "";
        if (cursor === "") break;
        if (pages < 3) await issueKey(owner, { metadata: { name: "listed in between" } });
      }
      expect(new Set(seen).size).toBe(seen.length);
      const before = seen.filter((id) => made.includes(id));
      expect(before).toEqual(sortOrder === "asc" ? made : [...made].reverse());
      // In descending order, new keys are behind the cursor. In ascending order, they are ahead of it.
      expect(seen.length - before.length).toBe(sortOrder === "asc" ? 3 : 0);
    },
  );

  test("continues after a page whose last key was revoked meanwhile", async () => {
    const owner = await app.newAccount();
    const made = await issueMany(owner, 4);
    const page = await owner.apiKeys.listApiKeys({ query: "listed", limit: 2, sortOrder: "asc" });
    await owner.apiKeys.revokeApiKey({ id: made[1] ?? "" });
    expect(await ids(owner, { cursor: page.pagination?.nextCursor ?? "", sortOrder: "asc" })).toEqual(
      made.slice(2),
    );
  });

  test("returns 50 keys by default and at most 200, and refuses a negative limit", async () => {
    const owner = await app.newAccount();
    await fill(owner, 205);
    const size = async (limit: number) => (await owner.apiKeys.listApiKeys({ limit })).items.length;
    expect(await size(0)).toBe(50);
    expect(await size(1)).toBe(1);
    expect(await size(200)).toBe(200);
    expect(await size(2_147_483_647)).toBe(200);
    const { code, violations } = await refusal(owner.apiKeys.listApiKeys({ limit: -1 }));
    expect({ code, fields: violations.map(({ field }) => field) }).toEqual({
      code: "InvalidArgument",
      fields: ["limit"],
    });
  });

  test("ends if the last page is exactly full", async () => {
    const owner = await app.newAccount();
    await issueMany(owner, 2);
    const page = await owner.apiKeys.listApiKeys({ query: "listed", limit: 2 });
    expect(page.items).toHaveLength(2);
    expect(page.pagination?.nextCursor).toBe("");
  });
});

describe("a cursor", () => {
  test.each(["garbage", "%00", "a".repeat(256)])("of the value %j is refused", async (cursor) => {
    const { code, violations } = await refusal((await someone()).apiKeys.listApiKeys({ cursor }));
    expect(code).toBe("InvalidArgument");
    expect(violations).toMatchObject([{ field: "cursor" }]);
  });

  test("of the other sort order is refused", async () => {
    const owner = await app.newAccount();
    await issueMany(owner, 2);
    const { pagination } = await owner.apiKeys.listApiKeys({ limit: 1, sortOrder: "asc" });
    const cursor = pagination?.nextCursor ?? "";
    for (const sortOrder of ["desc", ""]) {
      const { code, violations } = await refusal(owner.apiKeys.listApiKeys({ cursor, sortOrder }));
      expect({ code, field: violations[0]?.field }).toEqual({ code: "InvalidArgument", field: "cursor" });
    }
  });

  test("of another account gives no access: the list has only the caller's own keys", async () => {
    const [owner, other] = [await app.newAccount(), await app.newAccount()];
    const [foreign = ""] = await issueMany(other, 2);
    const own = await issueMany(owner, 2);
    const { pagination } = await other.apiKeys.listApiKeys({ query: "listed", limit: 1, sortOrder: "asc" });
    const cursor = pagination?.nextCursor ?? "";
    expect(await ids(owner, { cursor, sortOrder: "asc" })).toEqual(own);
    expect(await ids(owner, { cursor: encodeCursor(foreign, "desc") })).toEqual([]);
  });
});

test("an invalid sort order is refused", async () => {
  for (const sortOrder of ["up", "ASC", "asc;"]) {
    const { code, violations } = await refusal((await someone()).apiKeys.listApiKeys({ sortOrder }));
    expect({ code, field: violations[0]?.field }).toEqual({ code: "InvalidArgument", field: "sort_order" });
  }
});

describe("a filter", () => {
  test("by labels requires all of them", async () => {
    const owner = await app.newAccount();
    for (const [name, labels] of Object.entries<Record<string, string>>({
      both: { env: "prod", team: "ai" },
      one: { env: "prod" },
      other: { env: "test", team: "ai" },
      none: {},
    })) {
      await issueKey(owner, { metadata: { name, labels } });
    }
    expect((await names(owner, { labels: "env=prod" })).sort()).toEqual(["both", "one"]);
    expect(await names(owner, { labels: "env=prod,team=ai" })).toEqual(["both"]);
    expect(await names(owner, { labels: "team=ai , env=prod" })).toEqual(["both"]);
    expect(await names(owner, { labels: "env=pro" })).toEqual([]);
    expect(await names(owner, { labels: "env=" })).toEqual([]);
    for (const labels of ["env", "env=prod,", "env=prod,env=test"]) {
      const { code, violations } = await refusal(owner.apiKeys.listApiKeys({ labels }));
      expect({ code, field: violations[0]?.field }).toEqual({ code: "InvalidArgument", field: "labels" });
    }
  });

  test("by prefix matches the id, by query matches the name in any letter case, and neither has wildcards", async () => {
    const owner = await app.newAccount();
    const made = await issueMany(owner, 2);
    await issueKey(owner, { metadata: { name: "100% Größe_x" } });
    expect(await ids(owner, { prefix: made[0] ?? "" })).toEqual([made[0]]);
    expect((await ids(owner, { prefix: "key_" })).sort()).toEqual(made);
    expect(await ids(owner, { prefix: "ey_" })).toEqual([]);
    expect(await ids(owner, { prefix: "key%" })).toEqual([]);
    expect(await names(owner, { query: "gRößE_X" })).toEqual(["100% Größe_x"]);
    expect(await names(owner, { query: "0% " })).toEqual(["100% Größe_x"]);
    expect(await names(owner, { query: "1%0" })).toEqual([]);
    expect(await names(owner, { query: "e_x" })).toEqual(["100% Größe_x"]);
    expect(await names(owner, { query: "e_ x" })).toEqual([]);
  });

  test("shows revoked keys only on request", async () => {
    const owner = await app.newAccount();
    const made = await issueMany(owner, 2);
    await owner.apiKeys.revokeApiKey({ id: made[0] ?? "" });
    await owner.apiKeys.disableApiKey({ id: made[1] ?? "" });
    expect(await ids(owner)).toEqual([made[1]]);
    expect((await ids(owner, { showRevoked: true })).sort()).toEqual(made);
  });
});

test("fills info only on request", async () => {
  const owner = await app.newAccount();
  await issueMany(owner, 2);
  for (const includeInfo of [false, true]) {
    const { items } = await owner.apiKeys.listApiKeys({ query: "listed", includeInfo });
    expect(items.map((key) => key.info?.tokens.length)).toEqual(
      includeInfo ? [1, 1] : [undefined, undefined],
    );
    expect(items.map((key) => key.spec?.token)).toEqual(["", ""]);
  }
});

test("a list has the system key, and nothing of another account", async () => {
  const [owner, other] = [await app.newAccount(), await app.newAccount()];
  await issueMany(other, 1);
  const { items } = await owner.apiKeys.listApiKeys({ showRevoked: true });
  expect(items.map((key) => key.spec?.system)).toEqual([true]);
  expect(items.map((key) => key.metadata?.accountId)).toEqual([owner.account.metadata?.id]);
});

// The test inserts the keys by SQL, because two hundred calls would be slow.
async function fill(owner: Owner, count: number): Promise<void> {
  const accountId = owner.account.metadata?.id ?? "";
  const profileId = owner.profile.metadata?.id ?? "";
  const numbers = Array.from({ length: count }, (_, i) => String(i).padStart(26, "0"));
  const base = { account_id: accountId };
  await app.db
    .insertInto("profile")
    .values(numbers.map((n) => ({ ...base, id: `prof_${n}`, type: "api_key" as const, name: n })))
    .execute();
  await app.db
    .insertInto("api_key")
    .values(
      numbers.map((n) => ({
        ...base,
        id: `key_${n}`,
        profile_id: `prof_${n}`,
        name: n,
        kind: "application" as const,
        environment: "live" as const,
        workspace_scope: "selected" as const,
        permissions: [],
        created_by: profileId,
      })),
    )
    .execute();
}

let shared: Promise<Owner> | undefined;
function someone(): Promise<Owner> {
  shared ??= app.newAccount();
  return shared;
}
