import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { sql } from "kysely";
import { describe, expect, test } from "vitest";
import { Environment } from "../../gen/latchkey/v1/api_key_pb.ts";
import { UsageGroup, UsageInterval, type UsageSeries } from "../../gen/latchkey/v1/usage_pb.ts";
import { Verdict } from "../../gen/latchkey/v1/verdict_pb.ts";
import { issueKey, type Owner } from "../support/app.ts";
import { refusal } from "../support/errors.ts";
import { serve } from "../support/net/http.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
const platform = () => app.clientAs(app.platformToken);
const { KEY, ENVIRONMENT, VERDICT } = UsageGroup;
const hour = 3_600_000;
const day = 24 * hour;

const totals = (series: UsageSeries[]) =>
  series.map(({ keyId, environment, verdict, total }) => [keyId, environment, verdict, Number(total)]);

async function verify(token: string, times: number, requirements: object = {}): Promise<void> {
  for (let n = 0; n < times; n++) await platform().tokens.verifyToken({ token, ...requirements });
}

/** Inserts one count of a key, as many hours ago. */
async function insertCount(owner: Owner, keyId: string, hoursAgo: number, count: number): Promise<void> {
  const at = Math.floor(Date.now() / hour) * hour - hoursAgo * hour;
  await platform().usage.reportUsage({
    batchId: crypto.randomUUID(),
    items: [{ keyId, verdict: Verdict.VALID, count: 1 }],
  });
  await sql`select latchkey_add_usage_weeks(${new Date(at)}, ${new Date(at)})`.execute(app.db);
  await sql`
    update key_usage set hour = ${new Date(at)}, count = ${count}
    where api_key_id = ${keyId} and hour = date_trunc('hour', clock_timestamp())`.execute(app.db);
  await sql`
    update account_usage set hour = ${new Date(at)}, count = ${count}
    where account_id = ${owner.account.metadata?.id} and hour = date_trunc('hour', clock_timestamp())
  `.execute(app.db);
}

test("verifications are counted by key, environment and verdict, with totals", async () => {
  const owner = await app.newAccount();
  const live = await issueKey(owner);
  const test = await issueKey(owner, { spec: { environment: Environment.TEST } });
  await verify(live.token, 3);
  await verify(live.token, 2, { requiredPermissions: ["agents:read"] });
  await verify(test.token, 1);
  await verify(test.token, 4, { dryRun: true });
  await platform().tokens.batchVerifyTokens({ requests: [{ token: live.token }, { token: test.token }] });
  await owner.apiKeys.revokeApiKey({ id: test.id });
  await verify(test.token, 1);
  await app.app.flush();
  const { PERMISSION_DENIED: denied, REVOKED: revoked, VALID: valid } = Verdict;
  const all = await owner.usage.getUsage({ groupBy: [KEY, ENVIRONMENT, VERDICT] });
  expect(totals(all.series)).toEqual([
    [live.id, Environment.LIVE, denied, 2],
    [live.id, Environment.LIVE, valid, 4],
    [test.id, Environment.TEST, revoked, 1],
    [test.id, Environment.TEST, valid, 2],
  ]);
  expect(all.total).toBe(9n);
  const byVerdict = await owner.usage.getUsage({ groupBy: [VERDICT, VERDICT] });
  expect(totals(byVerdict.series)).toEqual([
    ["", 0, denied, 2],
    ["", 0, revoked, 1],
    ["", 0, valid, 6],
  ]);
  const one = await owner.usage.getUsage({ interval: UsageInterval.HOUR });
  expect(totals(one.series)).toEqual([["", 0, 0, 9]]);
  const ofTest = await owner.usage.getUsage({ environment: Environment.TEST, groupBy: [ENVIRONMENT] });
  expect(totals(ofTest.series)).toEqual([["", Environment.TEST, 0, 3]]);
  expect(ofTest.total).toBe(3n);
  const ofKey = await owner.usage.getUsage({ keyId: live.id, groupBy: [VERDICT] });
  expect(totals(ofKey.series)).toEqual([
    ["", 0, denied, 2],
    ["", 0, valid, 4],
  ]);
  expect(ofKey.total).toBe(6n);
  const neither = await owner.usage.getUsage({ keyId: live.id, environment: Environment.TEST });
  expect(neither).toMatchObject({ series: [], total: 0n, unknownTokens: [] });
});

test("calls to Latchkey and sessions are not counted", async () => {
  const owner = await app.newAccount();
  const key = await issueKey(owner, { spec: { permissions: ["*"] } });
  await app.clientAs(key.token).apiKeys.listApiKeys({});
  await verify(owner.token, 2);
  await app.app.flush();
  expect((await owner.usage.getUsage({})).total).toBe(0n);
});

test("points lie at the start of their hour or day, and the range is rounded to whole intervals", async () => {
  const owner = await app.newAccount();
  const { id: keyId } = await issueKey(owner);
  for (const [hoursAgo, count] of [
    [1, 10],
    [2, 20],
    [100, 3_000_000_000],
  ] as const) {
    await insertCount(owner, keyId, hoursAgo, count);
  }
  const start = Math.floor(Date.now() / hour) * hour;
  const hourly = await owner.usage.getUsage({
    interval: UsageInterval.HOUR,
    startTime: timestampFromDate(new Date(start - 2 * hour + 1)),
    endTime: timestampFromDate(new Date(start - 1)),
  });
  expect(points(hourly.series)).toEqual([
    [start - 2 * hour, 20],
    [start - hour, 10],
  ]);
  const daily = await owner.usage.getUsage({ keyId });
  const dayOf = (time: number) => Math.floor(time / day) * day;
  const expected = new Map<number, number>();
  for (const [hoursAgo, count] of [
    [100, 3_000_000_000],
    [2, 20],
    [1, 10],
  ] as const) {
    const at = dayOf(start - hoursAgo * hour);
    expected.set(at, (expected.get(at) ?? 0) + count);
  }
  expect(points(daily.series)).toEqual([...expected]);
  expect(daily.total).toBe(3_000_000_030n);
});

function points(series: UsageSeries[]): [number, number][] {
  return series.flatMap((one) =>
    one.points.map(({ startTime, count }): [number, number] => [
      Number(startTime?.seconds) * 1000,
      Number(count),
    ]),
  );
}

test("groups by key come in pages that together have every key once", async () => {
  const owner = await app.newAccount();
  const keys: string[] = [];
  for (let n = 0; n < 5; n++) keys.push((await issueKey(owner)).id);
  await platform().usage.reportUsage({
    batchId: "pages",
    items: keys.map((keyId, n) => ({ keyId, verdict: Verdict.VALID, count: n + 1 })),
  });
  const seen: string[] = [];
  let cursor = "";
  do {
    const page = await owner.usage.getUsage({ groupBy: [KEY], limit: 2, cursor });
    expect(page.series.length).toBeLessThanOrEqual(2);
    expect(page.total).toBe(15n);
    seen.push(...page.series.map(({ keyId }) => keyId));
    cursor = page.pagination?.nextCursor ?? "";
  } while (cursor !== "");
  expect(seen).toEqual(keys.toSorted());
});

test("an account sees its own usage only, and a caller needs `usage:read`", async () => {
  const [owner, other] = [await app.newAccount(), await app.newAccount()];
  const key = await issueKey(owner);
  await verify(key.token, 1);
  await app.app.flush();
  const foreign = { series: [], total: 0n, unknownTokens: [] };
  expect(await other.usage.getUsage({ keyId: key.id, groupBy: [KEY] })).toMatchObject(foreign);
  expect(await other.usage.getUsage({ groupBy: [KEY] })).toMatchObject(foreign);
  const acting = app.clientAs(app.platformToken, { "latchkey-account": owner.account.metadata?.id ?? "" });
  expect((await acting.usage.getUsage({})).total).toBe(1n);
  const reader = app.clientAs((await issueKey(owner, { spec: { permissions: ["usage:read"] } })).token);
  expect((await reader.usage.getUsage({})).total).toBe(1n);
  const weak = app.clientAs((await issueKey(owner, { spec: { permissions: ["audit:read"] } })).token);
  expect(await refusal(weak.usage.getUsage({}))).toMatchObject({ metadata: { permission: "usage:read" } });
});

const at = (time: number) => timestampFromDate(new Date(time));

test.each([
  [{ startTime: at(day), endTime: at(day) }, "start_time"],
  [{ startTime: at(0), endTime: at(401 * day) }, "start_time"],
  [{ startTime: at(0), endTime: at(745 * hour), interval: UsageInterval.HOUR }, "start_time"],
  [{ groupBy: [UsageGroup.UNSPECIFIED] }, "group_by[0]"],
  [{ groupBy: [KEY], cursor: "here" }, "cursor"],
  [{ groupBy: [KEY], limit: -1 }, "limit"],
  [{ interval: 9 as UsageInterval }, "interval"],
])("a wrong request is refused by its field: %#", async (request, field) => {
  const owner = await app.newAccount();
  const refused = await refusal(owner.usage.getUsage(request));
  expect(refused).toMatchObject({ code: "InvalidArgument" });
  expect(refused.violations.map((one) => one.field)).toEqual([field]);
});

describe("tokens that no key has", () => {
  test("are counted by network for the account of the verifier, and never by their id", async () => {
    const [owner, other] = [await app.newAccount(), await app.newAccount()];
    const verifier = app.clientAs(
      (await issueKey(owner, { spec: { permissions: ["tokens:verify"] } })).token,
    );
    const foreign = await issueKey(other);
    const sent = ["garbage", "lk_live_x", foreign.token];
    for (const clientAddress of ["203.0.113.1", "203.0.113.200", "198.51.100.1", ""]) {
      for (const token of sent) await verifier.tokens.verifyToken({ token, clientAddress });
    }
    await verifier.tokens.verifyToken({ token: "garbage", dryRun: true });
    await app.app.flush();
    const { unknownTokens, total } = await owner.usage.getUsage({});
    expect(unknownTokens.map(({ network, count }) => [network, Number(count)])).toEqual([
      ["203.0.113.0/24", 6],
      ["", 3],
      ["198.51.100.0/24", 3],
    ]);
    expect(total).toBe(0n);
    expect((await owner.usage.getUsage({ keyId: foreign.id })).unknownTokens).toEqual([]);
    expect(await other.usage.getUsage({})).toMatchObject({ total: 0n, unknownTokens: [] });
  });

  test("of a flood from many networks take a bounded number of rows", async () => {
    const owner = await app.newAccount();
    const verifier = app.clientAs(
      (await issueKey(owner, { spec: { permissions: ["tokens:verify"] } })).token,
    );
    const requests = Array.from({ length: 150 }, (_, n) => ({
      token: `x${n}`,
      clientAddress: `10.0.${n}.1`,
    }));
    await verifier.tokens.batchVerifyTokens({ requests: requests.slice(0, 75) });
    await app.app.flush();
    await verifier.tokens.batchVerifyTokens({ requests: requests.slice(75) });
    await app.app.flush();
    const rows = await sql<{ network: string; count: string }>`
      select network, count from unknown_token_usage
      where account_id = ${owner.account.metadata?.id} order by count desc`.execute(app.db);
    expect(rows.rows).toHaveLength(101);
    expect(rows.rows[0]).toEqual({ network: "*", count: "50" });
  });
});

test("plain HTTP takes the groups as repeated parameters, and has counts as text", async () => {
  const server = await serve(app);
  const owner = await app.newAccount();
  const key = await issueKey(owner);
  await verify(key.token, 2);
  await app.app.flush();
  const query = "interval=USAGE_INTERVAL_HOUR&groupBy=USAGE_GROUP_KEY&groupBy=USAGE_GROUP_VERDICT";
  const { json } = await server.get(`/v1/account/usage?${query}`, { token: owner.token });
  expect(json).toMatchObject({
    series: [{ keyId: key.id, verdict: "VERDICT_VALID", total: "2", points: [{ count: "2" }] }],
    total: "2",
  });
});
