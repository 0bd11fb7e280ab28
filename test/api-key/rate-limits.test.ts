import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { isWithinLimits } from "../../src/domain/access/rate-limit.ts";
import { storedKey, systemKeyOf } from "../support/actors/api-key.ts";
import { issueKey, type Owner } from "../support/app.ts";
import { refusal } from "../support/errors.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
let owner: Owner;
beforeAll(async () => {
  owner = await app.newAccount();
});

const minute = { name: "minute", limit: 10, period: { seconds: 60n } };
const hour = { name: "hour", limit: 100, period: { seconds: 3_600n }, cost: 2 };

test("a key keeps its rate limits through reads, other updates and rotations, until an update replaces them", async () => {
  const key = await issueKey(owner, { spec: { rateLimits: [minute, hour] } });
  const stored = [{ ...minute, cost: 1 }, hour];
  expect(key.spec?.rateLimits).toMatchObject(stored);
  const read = async () => (await owner.apiKeys.getApiKey({ id: key.id })).apiKey?.spec?.rateLimits;
  await owner.apiKeys.updateApiKey({ id: key.id, spec: { description: "new" } });
  await owner.apiKeys.rotateApiKey({ id: key.id });
  expect(await read()).toMatchObject(stored);
  const { apiKey } = await owner.apiKeys.updateApiKey({ id: key.id, spec: { rateLimits: [hour] } });
  expect(apiKey?.spec?.rateLimits).toMatchObject([hour]);
  await owner.apiKeys.updateApiKey({ id: key.id, updateMask: { paths: ["spec.rate_limits"] } });
  expect(await read()).toEqual([]);
  const { items } = await owner.audit.listAuditEvents({ resourceId: key.id, sortOrder: "asc" });
  const changes = items.flatMap(({ after }) => (after && "rate_limits" in after ? [after.rate_limits] : []));
  expect(changes).toMatchObject([[{ name: "minute" }, { name: "hour" }], [{ name: "hour", cost: 2 }], []]);
});

test.each<[string, object[], string[]]>([
  ["a limit of 0", [{ ...minute, limit: 0 }], ["[0].limit"]],
  ["a negative limit", [{ ...minute, limit: -1 }], ["[0].limit"]],
  ["a period of 0", [{ ...minute, period: { seconds: 0n } }], ["[0].period"]],
  ["a negative period", [{ ...minute, period: { seconds: -60n } }], ["[0].period"]],
  ["a period of 32 days", [{ ...minute, period: { seconds: 2_764_800n } }], ["[0].period"]],
  ["no period", [{ name: "minute", limit: 1 }], ["[0].period"]],
  ["no name", [{ ...minute, name: "" }], ["[0].name"]],
  ["a cost of 0", [hour, { ...minute, cost: 0 }], ["[1].cost"]],
  ["a cost above the limit", [hour, { ...minute, cost: 11 }], ["[1].cost"]],
  ["the same name twice", [minute, hour, { ...hour, name: "minute" }], ["[2].name"]],
  ["nine limits", Array.from({ length: 9 }, (_, n) => ({ ...minute, name: `limit${n}` })), [""]],
  ["100 limits", Array.from({ length: 100 }, (_, n) => ({ ...minute, name: `limit${n}` })), [""]],
  // So many values are refused before the body is parsed.
  ["1,000 limits", Array.from({ length: 1_000 }, (_, n) => ({ ...minute, name: `limit${n}` })), [""]],
])("%s is refused at creation and in an update, and nothing changes", async (_what, rateLimits, places) => {
  const key = await issueKey(owner);
  const before = await storedKey(app, key.id);
  const fields = places.map((place) => `spec.rate_limits${place}`);
  for (const call of [
    () => owner.apiKeys.createApiKey({ metadata: { name: "limited" }, spec: { rateLimits } }),
    () => owner.apiKeys.updateApiKey({ id: key.id, spec: { rateLimits } }),
  ]) {
    const { code, violations } = await refusal(call());
    expect({ code, fields: violations.map(({ field }) => field) }).toEqual({
      code: "InvalidArgument",
      fields,
    });
  }
  expect(await storedKey(app, key.id)).toEqual(before);
});

test("a system key takes no rate limits", async () => {
  const id = await systemKeyOf(app, owner.account.metadata?.id ?? "");
  const refused = await refusal(owner.apiKeys.updateApiKey({ id, spec: { rateLimits: [minute] } }));
  expect(refused).toMatchObject({ reason: "SYSTEM_KEY" });
});

describe("a key with fewer permissions than another one", () => {
  const limited = { permissions: ["agents:*"], rateLimits: [minute] };

  test("can tighten the limits of the other one, and cannot weaken them", async () => {
    const weak = app.clientAs((await issueKey(owner, { spec: { permissions: ["api_keys:*"] } })).token);
    const { id } = await issueKey(owner, { spec: limited });
    const updateMask = { paths: ["spec.rate_limits"] };
    const update = (rateLimits: object[]) =>
      weak.apiKeys.updateApiKey({ id, spec: { rateLimits }, updateMask });
    await update([{ ...minute, limit: 5 }]);
    await update([{ ...minute, limit: 5, cost: 2 }, hour]);
    const denied = { reason: "PERMISSION_DENIED", metadata: { permission: "agents:*" } };
    for (const weaker of [
      [],
      [hour],
      [{ ...minute, limit: 5 }, hour],
      [{ ...minute, limit: 6, cost: 2 }, hour],
      [{ ...minute, limit: 5, cost: 2, period: { seconds: 30n } }, hour],
    ]) {
      expect(await refusal(update(weaker))).toMatchObject(denied);
    }
    await owner.apiKeys.updateApiKey({ id, updateMask });
  });
});

test("limits within other limits refuse each sequence of calls that the others refuse", () => {
  const limit = fc.record({
    name: fc.constantFrom("a", "b"),
    limit: fc.integer({ min: 1, max: 6 }),
    period_ms: fc.constantFrom(1_000, 2_000),
    cost: fc.integer({ min: 1, max: 3 }),
  });
  const limits = fc.uniqueArray(limit, { selector: ({ name }) => name, maxLength: 2 });
  // The number of calls that pass at one moment, and the rate that passes for ever.
  const burst = (list: (typeof limit extends fc.Arbitrary<infer L> ? L : never)[]) =>
    Math.min(...list.map((one) => Math.floor(one.limit / one.cost)), Number.POSITIVE_INFINITY);
  const rate = (list: (typeof limit extends fc.Arbitrary<infer L> ? L : never)[]) =>
    Math.min(...list.map((one) => one.limit / one.period_ms / one.cost), Number.POSITIVE_INFINITY);
  fc.assert(
    fc.property(limits, limits, (after, before) => {
      expect(isWithinLimits(before, before)).toBe(true);
      if (!isWithinLimits(after, before)) return;
      expect(burst(after)).toBeLessThanOrEqual(burst(before));
      expect(rate(after)).toBeLessThanOrEqual(rate(before));
    }),
  );
});
