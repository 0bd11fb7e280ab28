import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import { sql } from "kysely";
import { describe, expect, test } from "vitest";
import { CreditRefill, type CreditsSchema } from "../../gen/latchkey/v1/credit_pb.ts";
import { newPlatformServiceKey } from "../support/actors/acting.ts";
import { systemKeyOf } from "../support/actors/api-key.ts";
import { expectDeniedBy, mint, rateLimits } from "../support/actors/limited.ts";
import { issueKey, type Owner } from "../support/app.ts";
import { creditsLeft, putCredits } from "../support/database/credit.ts";
import { untilWaiting } from "../support/database/waiting.ts";
import { refusal } from "../support/errors.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
const platform = () => app.clientAs(app.platformToken).accounts;

/** A new account and one of its keys. */
async function newKey() {
  const owner = await app.newAccount();
  const { id: keyId } = await issueKey(owner);
  return { owner, accountId: owner.account.metadata?.id ?? "", keyId };
}

async function shownOf({ apiKeys, accounts }: Owner, keyId: string) {
  const [{ apiKey }, { account }] = [await apiKeys.getApiKey({ id: keyId }), await accounts.getAccount({})];
  return { key: apiKey?.info?.credits, account: account?.info?.credits };
}

describe("SetCredits", () => {
  test("limits the credits of a key or of an account, and the account reads them", async () => {
    const { owner, accountId, keyId } = await newKey();
    expect(await shownOf(owner, keyId)).toEqual({ key: undefined, account: undefined });
    const { credits } = await platform().setCredits({ accountId, keyId, credits: { remaining: 7 } });
    expect(credits).toMatchObject({ remaining: 7, refillAmount: 0, refill: CreditRefill.UNSPECIFIED });
    await platform().setCredits({ accountId, credits: { remaining: 90 } });
    expect(await shownOf(owner, keyId)).toMatchObject({ key: { remaining: 7 }, account: { remaining: 90 } });
    const { items } = await platform().searchAccounts({ prefix: accountId });
    expect(items[0]?.info?.credits).toMatchObject({ remaining: 90 });
  });

  test("says when the next refill is, and shows a refill that is due", async () => {
    const { owner, accountId, keyId } = await newKey();
    const monthly = { remaining: 1, refillAmount: 50, refill: CreditRefill.MONTHLY };
    const { credits } = await platform().setCredits({ accountId, keyId, credits: monthly });
    const next = credits?.nextRefillAt ? timestampDate(credits.nextRefillAt) : new Date(0);
    expect(next.getTime()).toBeGreaterThan(Date.now());
    expect(next.toISOString()).toMatch(/-01T00:00:00.000Z$/);
    await sql`update credit set refilled_at = refilled_at - interval '32 days' where id = ${keyId}`.execute(
      app.db,
    );
    expect((await shownOf(owner, keyId)).key).toMatchObject({ remaining: 50, refillAmount: 50 });
  });

  test("is recorded in the account, with what was left before", async () => {
    const { owner, accountId, keyId } = await newKey();
    const daily = { remaining: 5, refillAmount: 9, refill: CreditRefill.DAILY };
    await platform().setCredits({ accountId, keyId, credits: { remaining: 7 } });
    await platform().setCredits({ accountId, keyId, credits: daily });
    await platform().setCredits({ accountId, keyId, credits: daily });
    const { items } = await owner.audit.listAuditEvents({ resourceId: keyId, sortOrder: "asc" });
    const set = items.filter(({ method }) => method.endsWith("/SetCredits"));
    const first = { remaining: 7, granted: 7, refill_amount: null, refill: null };
    expect(set).toMatchObject([
      { before: { credits: null }, after: { credits: first }, via: "platform" },
      { before: { credits: first }, after: { credits: { remaining: 5, refill_amount: 9, refill: "daily" } } },
    ]);
  });

  test("can be repeated with its request_id, and does not give back what was spent", async () => {
    const { accountId, keyId } = await newKey();
    const request = { accountId, keyId, credits: { remaining: 7 }, requestId: crypto.randomUUID() };
    await platform().setCredits(request);
    await putCredits(app.pool, { id: keyId, accountId, remaining: 3 });
    expect(await refusal(platform().setCredits(request))).toMatchObject({
      code: "AlreadyExists",
      metadata: { id: keyId },
    });
    expect(await creditsLeft(app.pool, keyId)).toBe(3);
  });
});

describe("a request of SetCredits", () => {
  test.each<[MessageInitShape<typeof CreditsSchema> | undefined, string]>([
    [{ remaining: -1 }, "credits.remaining"],
    [{ refillAmount: -1, refill: CreditRefill.DAILY }, "credits.refill_amount"],
    [{ refill: CreditRefill.DAILY }, "credits.refill_amount"],
    [{ refillAmount: 5 }, "credits.refill"],
    [{ refill: 9 as CreditRefill }, "credits.refill"],
    [undefined, "credits"],
  ])("with %j is refused for its %s", async (credits, field) => {
    const { accountId } = await newKey();
    const { code, violations } = await refusal(
      platform().setCredits({ accountId, ...(credits && { credits }) }),
    );
    expect({ code, fields: violations.map((one) => one.field) }).toEqual({
      code: "InvalidArgument",
      fields: [field],
    });
  });

  test("fails for a system key, and a missing key or account is not found", async () => {
    const { accountId, keyId } = await newKey();
    const credits = { remaining: 1 };
    const system = await systemKeyOf(app, accountId);
    expect(await refusal(platform().setCredits({ accountId, keyId: system, credits }))).toMatchObject({
      reason: "SYSTEM_KEY",
    });
    const other = await newKey();
    for (const wrong of [
      { accountId, keyId: other.keyId },
      { accountId: other.accountId, keyId },
      { accountId: "acct_none", keyId: "" },
    ]) {
      expect(await refusal(platform().setCredits({ ...wrong, credits }))).toMatchObject({ code: "NotFound" });
    }
  });
});

describe("AddCredits", () => {
  test("adds to what is left at that moment, also while verifications spend it", async () => {
    const { accountId, keyId } = await newKey();
    await putCredits(app.pool, { id: keyId, accountId, remaining: 10 });
    const { adding } = await app.pool.transaction().execute(async (tx) => {
      await sql`update credit set remaining = remaining - 4 where id = ${keyId}`.execute(tx);
      const adding = platform().addCredits({ accountId, keyId, amount: 5 });
      await untilWaiting(app.pool, 1);
      return { adding };
    });
    expect((await adding).credits).toMatchObject({ remaining: 11 });
  });

  test("takes credits away, but never below 0, and keeps the refill", async () => {
    const { owner, accountId, keyId } = await newKey();
    const daily = { remaining: 5, refillAmount: 9, refill: CreditRefill.DAILY };
    await platform().setCredits({ accountId, keyId, credits: daily });
    const { credits } = await platform().addCredits({ accountId, keyId, amount: -100 });
    expect(credits).toMatchObject({ remaining: 0, refillAmount: 9, refill: CreditRefill.DAILY });
    expect((await shownOf(owner, keyId)).key).toMatchObject({ remaining: 0 });
  });

  test("can be repeated with its request_id", async () => {
    const { accountId, keyId } = await newKey();
    await platform().setCredits({ accountId, keyId, credits: { remaining: 1 } });
    const request = { accountId, keyId, amount: 5, requestId: crypto.randomUUID() };
    await platform().addCredits(request);
    expect(await refusal(platform().addCredits(request))).toMatchObject({ code: "AlreadyExists" });
    expect(await creditsLeft(app.pool, keyId)).toBe(6);
  });

  test("fails if there are no credits, and beyond the greatest number", async () => {
    const { accountId, keyId } = await newKey();
    const add = (amount: number) => refusal(platform().addCredits({ accountId, keyId, amount }));
    expect(await add(1)).toMatchObject({ code: "NotFound" });
    await platform().setCredits({ accountId, keyId, credits: { remaining: 1 } });
    const { code, violations } = await add(2_147_483_647);
    expect({ code, field: violations[0]?.field }).toEqual({ code: "InvalidArgument", field: "amount" });
  });
});

test("a platform key with limits of its own changes no credits", async () => {
  const { accountId, keyId } = await newKey();
  const credits = { remaining: 1 };
  await platform().setCredits({ accountId, keyId, credits });
  const key = await newPlatformServiceKey(app, ["accounts:manage"]);
  await app.clientAs(app.platformToken).apiKeys.updateApiKey({ id: key.id, spec: { rateLimits } });
  const { accounts } = app.clientAs(key.token);
  await expectDeniedBy(key.id, [
    () => accounts.setCredits({ accountId, credits }),
    () => accounts.addCredits({ accountId, keyId, amount: -1 }),
    () => accounts.removeCredits({ accountId, keyId }),
  ]);
});

test("a key that draws on another key has no credits of its own, and shows those of the other key", async () => {
  const { owner, accountId } = await newKey();
  const root = await mint(app, owner);
  await platform().setCredits({ accountId, keyId: root.id, credits: { remaining: 5 } });
  const { id: keyId } = await mint(app, root);
  expect((await shownOf(owner, keyId)).key).toMatchObject({ remaining: 5 });
  expect(await refusal(platform().setCredits({ accountId, keyId, credits: { remaining: 9 } }))).toMatchObject(
    {
      reason: "WRONG_STATE",
      metadata: { key_id: root.id },
    },
  );
});

describe("RemoveCredits", () => {
  test("ends the limit on credits, and a repeat changes nothing", async () => {
    const { owner, accountId, keyId } = await newKey();
    await platform().setCredits({ accountId, keyId, credits: { remaining: 1 } });
    await platform().removeCredits({ accountId, keyId });
    await platform().removeCredits({ accountId, keyId });
    expect((await shownOf(owner, keyId)).key).toBeUndefined();
    const { items } = await owner.audit.listAuditEvents({ resourceId: keyId });
    expect(items.filter(({ method }) => method.endsWith("/RemoveCredits"))).toMatchObject([
      { before: { credits: { remaining: 1 } }, after: { credits: null } },
    ]);
  });
});
