import { create } from "@bufbuild/protobuf";
import { TimestampSchema } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import { sql } from "kysely";
import { expect, test } from "vitest";
import { UsageGroup } from "../../gen/latchkey/v1/usage_pb.ts";
import { Verdict } from "../../gen/latchkey/v1/verdict_pb.ts";
import { issueKey, type Owner, startApp } from "../support/app.ts";
import { refusal } from "../support/errors.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
const platform = () => app.clientAs(app.platformToken);

/** Returns the verdicts of a key with their counts. */
async function countsOf(owner: Owner, keyId: string): Promise<Record<string, bigint>> {
  await app.app.flush();
  const { series } = await owner.usage.getUsage({ keyId, groupBy: [UsageGroup.VERDICT] });
  const names = new Map(Object.entries(Verdict).map(([name, value]) => [value as number, name]));
  return Object.fromEntries(series.map(({ verdict, total }) => [names.get(verdict), total]));
}

async function scene() {
  const owner = await app.newAccount();
  const key = await issueKey(owner);
  const verifier = app.clientAs((await issueKey(owner, { spec: { permissions: ["tokens:verify"] } })).token);
  const { tokenId } = await verifier.tokens.verifyToken({ token: key.token, dryRun: true });
  return { owner, key, verifier, tokenId };
}

const valid = Verdict.VALID;

test("a reported batch counts by verdict, and tells when and from where the token was used", async () => {
  const { owner, key, verifier, tokenId } = await scene();
  const at = new Date(Date.now() - 60_000);
  await verifier.usage.reportUsage({
    batchId: "one",
    items: [
      {
        keyId: key.id,
        tokenId,
        verdict: valid,
        count: 5,
        clientAddress: "203.0.113.9",
        lastUsedAt: time(at),
      },
      { keyId: key.id, tokenId, verdict: valid, count: 2, lastUsedAt: time(new Date(at.getTime() - 1000)) },
      { keyId: key.id, verdict: Verdict.PERMISSION_DENIED, count: 3 },
    ],
  });
  expect(await countsOf(owner, key.id)).toEqual({ VALID: 7n, PERMISSION_DENIED: 3n });
  const { apiKey } = await owner.apiKeys.getApiKey({ id: key.id });
  expect(apiKey?.info?.lastUsedAt).toEqual(time(at));
  expect(apiKey?.info?.tokens[0]?.lastClientAddress).toBe("203.0.113.9");
});

test("a late report does not replace the address of a later use, and a later use without an address leaves it", async () => {
  const { owner, key, verifier, tokenId } = await scene();
  const now = Date.now();
  const report = (batchId: string, agoMs: number, clientAddress: string) => {
    const lastUsedAt = time(new Date(now - agoMs));
    const item = { keyId: key.id, tokenId, verdict: valid, count: 1, clientAddress, lastUsedAt };
    return verifier.usage.reportUsage({ batchId, items: [item] });
  };
  const addressOf = async () => {
    const { apiKey } = await owner.apiKeys.getApiKey({ id: key.id });
    return apiKey?.info?.tokens[0]?.lastClientAddress;
  };
  await report("new", 20_000, "203.0.113.2");
  await report("none", 1_000, "");
  await report("late", 30_000, "203.0.113.1");
  expect(await addressOf()).toBe("203.0.113.2");
  await report("newer", 10_000, "203.0.113.3");
  expect(await addressOf()).toBe("203.0.113.3");
});

test("a repeat of a batch by the same caller counts nothing, also at the same time", async () => {
  const { owner, key, verifier } = await scene();
  const report = { batchId: "again", items: [{ keyId: key.id, verdict: valid, count: 5 }] };
  await Promise.all(Array.from({ length: 5 }, () => verifier.usage.reportUsage(report)));
  await verifier.usage.reportUsage({ ...report, items: [{ keyId: key.id, verdict: valid, count: 100 }] });
  expect(await countsOf(owner, key.id)).toEqual({ VALID: 5n });
  await platform().usage.reportUsage(report);
  expect(await countsOf(owner, key.id)).toEqual({ VALID: 10n });
});

test("a caller reports keys of its own account only, and a key of the platform account reports every key", async () => {
  const { owner, key, tokenId } = await scene();
  const other = await scene();
  const items = [
    { keyId: key.id, tokenId, verdict: valid, count: 1 },
    { keyId: "key_none", tokenId, verdict: valid, count: 1 },
    { keyId: other.key.id, tokenId: other.tokenId, verdict: valid, count: 1 },
    // A token of another key.
    { keyId: other.key.id, tokenId, verdict: valid, count: 1 },
  ];
  const foreign = await other.verifier.usage.reportUsage({ batchId: "own", items });
  const missing = await other.verifier.usage.reportUsage({
    batchId: "none",
    items: [{ keyId: "key_none", verdict: valid, count: 1 }],
  });
  expect(foreign).toEqual(missing);
  expect(await countsOf(owner, key.id)).toEqual({});
  expect(await countsOf(other.owner, other.key.id)).toEqual({ VALID: 2n });
  const { apiKey } = await owner.apiKeys.getApiKey({ id: key.id });
  expect(apiKey?.info?.lastUsedAt).toBeUndefined();
  await platform().usage.reportUsage({ batchId: "all", items });
  expect(await countsOf(owner, key.id)).toEqual({ VALID: 1n });
  expect(await countsOf(other.owner, other.key.id)).toEqual({ VALID: 4n });
});

test("reports of the same keys at the same time, in any order, all succeed and count exactly", async () => {
  const owner = await app.newAccount();
  const keys = await Promise.all(Array.from({ length: 12 }, () => issueKey(owner)));
  const { tokens, usage } = platform();
  const { responses } = await tokens.batchVerifyTokens({
    requests: keys.map(({ token }) => ({ token, dryRun: true })),
  });
  const report = (n: number) => {
    const items = keys.map((key, place) => ({
      keyId: key.id,
      tokenId: responses[place]?.tokenId ?? "",
      verdict: valid,
      count: 1,
      clientAddress: `10.0.${(n * 7 + place) % 50}.1`,
    }));
    const turned = [...items.slice(n % 12), ...items.slice(0, n % 12)];
    return usage.reportUsage({ batchId: `many-${n}`, items: n % 2 ? turned : turned.toReversed() });
  };
  await Promise.all(Array.from({ length: 30 }, (_, n) => report(n)));
  expect((await owner.usage.getUsage({})).total).toBe(360n);
  for (const { id } of keys) expect(await countsOf(owner, id)).toEqual({ VALID: 30n });
});

test("a time in the future counts as now, and an old time as a day ago", async () => {
  const { owner, key, verifier, tokenId } = await scene();
  const item = { keyId: key.id, tokenId, verdict: valid, count: 1 };
  await verifier.usage.reportUsage({
    batchId: "times",
    items: [
      { ...item, lastUsedAt: time(new Date(Date.now() + 86_400_000)) },
      { ...item, lastUsedAt: time(new Date("2001-01-01")) },
    ],
  });
  const { series } = await owner.usage.getUsage({ keyId: key.id });
  expect(series[0]?.points).toHaveLength(2);
  const { apiKey } = await owner.apiKeys.getApiKey({ id: key.id });
  const age = Date.now() / 1000 - Number(apiKey?.info?.lastUsedAt?.seconds);
  expect(Math.abs(age)).toBeLessThan(10);
});

test.each([
  [{ batchId: "", items: [{}] }, "batch_id"],
  [{ batchId: "x", items: [] }, "items"],
  [{ batchId: "x", items: [{ verdict: Verdict.UNSPECIFIED }] }, "items[0].verdict"],
  [{ batchId: "x", items: [{}, { count: 0 }] }, "items[1].count"],
  [{ batchId: "x", items: [{ clientAddress: "here" }] }, "items[0].client_address"],
  [{ batchId: "x", items: Array.from({ length: 501 }, () => ({})) }, "items"],
])("a wrong report is refused by its field: %#", async ({ batchId, items }, field) => {
  const one = { keyId: "key_x", verdict: valid, count: 1 };
  const refused = refusal(
    platform().usage.reportUsage({ batchId, items: items.map((item) => ({ ...one, ...item })) }),
  );
  expect((await refused).violations.map((one) => one.field)).toContain(field);
});

test("a caller without `tokens:verify` cannot report", async () => {
  const { owner, key } = await scene();
  const weak = app.clientAs((await issueKey(owner, { spec: { permissions: ["*:read"] } })).token);
  const report = { batchId: "x", items: [{ keyId: key.id, verdict: valid, count: 1 }] };
  await expect(weak.usage.reportUsage(report)).rejects.toMatchObject({ code: Code.PermissionDenied });
});

test("a week without a partition gets one", async () => {
  const { app: other, end } = await startApp();
  try {
    const owner = await other.newAccount();
    const key = await issueKey(owner);
    await sql`select latchkey_drop_usage_week('2100-01-01') from generate_series(1, 20)`.execute(other.db);
    await other.clientAs(other.platformToken).tokens.verifyToken({ token: key.token });
    await other.app.flush();
    expect((await owner.usage.getUsage({})).total).toBe(1n);
  } finally {
    await end();
  }
});

function time(date: Date) {
  return create(TimestampSchema, {
    seconds: BigInt(Math.floor(date.getTime() / 1000)),
    nanos: (date.getTime() % 1000) * 1_000_000,
  });
}
